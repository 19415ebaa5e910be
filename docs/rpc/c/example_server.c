/* Answers two methods to whoever holds the key, one connection after the other. Written by gd2raft.rpc.codegen: do not edit.
 *
 *     example_server ADDRESS PORT POOL_ID KEY_FILE FOLDER    volume.volfile: the file VOLUME.vol of FOLDER; peer.state: what it counts
 *
 * Prints the port that it listens on (PORT 0: the system chooses). Ends when its standard input does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gd2_sha256.h"
#include "gd2_stubs.h"

#define TURN_MS 200 /* how often we look whether standard input has ended */

struct served {
	const char *folder;
	uint64_t answers;
	uint8_t text[1 << 20];
	char digest[2 * GD2_DIGEST_BYTES + 1];
};

static int on_state(void *user, int64_t deadline, const struct gd2_empty *request, struct gd2_peer_state *reply, struct gd2_error *error)
{
	struct served *served = user;

	(void)deadline, (void)request, (void)error;
	reply->role = gd2_text("c-example");
	reply->index = ++served->answers;
	return 0;
}

/* A volume's name becomes a part of a path: nothing but letters, digits, - and _. */
static bool is_name(const struct zcbor_string *name)
{
	for (size_t i = 0; i < name->len; i++)
		if (!isalnum(name->value[i]) && name->value[i] != '-' && name->value[i] != '_')
			return false;
	return name->len > 0;
}

static int on_volfile(void *user, int64_t deadline, const struct gd2_volfile_query *query, struct gd2_volfile *reply,
                      struct gd2_error *error)
{
	struct served *served = user;
	uint8_t digest[GD2_DIGEST_BYTES];
	struct gd2_sha256 hash;
	char path[4096];
	FILE *file = NULL;
	size_t bytes;

	(void)deadline;
	snprintf(path, sizeof(path), "%.3000s/%.*s.vol", served->folder, (int)query->volume.len, (const char *)query->volume.value);
	if (!is_name(&query->volume) || !(file = fopen(path, "rb"))) {
		gd2_say(error, GD2_ANSWERED, "not-found", "there is no such volume");
		return 1;
	}
	bytes = fread(served->text, 1, sizeof(served->text), file);
	fclose(file);
	gd2_sha256_start(&hash);
	gd2_sha256_add(&hash, served->text, bytes);
	gd2_sha256_end(&hash, digest);
	for (int i = 0; i < GD2_DIGEST_BYTES; i++)
		snprintf(served->digest + 2 * i, 3, "%02x", digest[i]);
	served->answers++;
	reply->digest = gd2_text(served->digest);
	reply->volfile = (struct zcbor_string){.value = served->text, .len = bytes};
	return 0;
}

static bool input_ended(int wait_ms)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char byte;

	return poll(&in, 1, wait_ms) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

static void serve(int fd, const struct gd2_self *self, struct served *served)
{
	static const struct gd2_handlers handlers = {.peer_state = on_state, .volume_volfile = on_volfile};
	enum gd2_status status;
	struct gd2_conn *conn;
	struct gd2_error error;

	status = gd2_accept(&conn, fd, self, GD2_HANDSHAKE_MS, &error);
	while (!status || (status == GD2_TIMEOUT && conn)) {
		if (input_ended(0))
			break;
		status = gd2_serve_one(conn, &handlers, served, TURN_MS, &error);
	}
	if (status && status != GD2_TIMEOUT)
		fprintf(stderr, "connection ended: %s: %s\n", error.code, error.message);
	gd2_close(conn);
}

static int listen_on(const char *address, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&at, size) || listen(fd, 16) || getsockname(fd, (struct sockaddr *)&at, &size))
		return -1;
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

int main(int count, char **words)
{
	static struct served served;
	static uint8_t key[32];
	struct gd2_self self = {.mode = GD2_MODE_POOL, .peer_id = "c-example", .software = "gd2raft C example", .address = "", .key = key};
	FILE *file;
	int listener;

	if (count != 6) {
		fprintf(stderr, "usage: %s ADDRESS PORT POOL_ID KEY_FILE FOLDER\n", words[0]);
		return 2;
	}
	self.pool_id = words[3];
	served.folder = words[5];
	if ((file = fopen(words[4], "r")))
		while (self.key_bytes < sizeof(key) && fscanf(file, "%2hhx", &key[self.key_bytes]) == 1)
			self.key_bytes++;
	if (!file || self.key_bytes != sizeof(key)) {
		fprintf(stderr, "%s: 64 hexadecimal digits were expected\n", words[4]);
		return 2;
	}
	fclose(file);
	if ((listener = listen_on(words[1], words[2])) < 0) {
		perror(words[1]);
		return 1;
	}
	while (!input_ended(0)) {
		struct pollfd knock = {.fd = listener, .events = POLLIN};
		int fd = poll(&knock, 1, TURN_MS) > 0 ? accept(listener, NULL, NULL) : -1;

		if (fd >= 0)
			serve(fd, &self, &served);
	}
	close(listener);
	return 0;
}
