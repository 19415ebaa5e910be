/* Asks a daemon who it is, or for a volume's volfile, and watches that change. Written by gd2raft.rpc.codegen: do not edit.
 *
 *     example_client HOST PORT ask [SECRET_FILE]                       as a prober does, before the pool: who are you?
 *     example_client HOST PORT watch POOL_ID KEY_FILE VOLUME CHANGES [CALL_MS [DEAD_AFTER_MS]]
 *                                                  as a member does: each volfile, until it has changed so often
 *
 * KEY_FILE holds the pool's key as 64 hexadecimal digits, SECRET_FILE the join secret. CALL_MS is a call's deadline, DEAD_AFTER_MS the silence
 * after which the daemon is given up. Exit code: 0, 1 refused or failed, 2 usage.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gd2_stubs.h"

#define DIAL_MS 5000
#define CALL_MS 5000
#define WAIT_MS 30000 /* for a change; then the daemon answers that there was none, and is asked again */

static int failed(const char *what, const struct gd2_error *error)
{
	fprintf(stderr, "%s: %s: %s\n", what, error->code, error->message);
	return 1;
}

/* The bytes of a small file without the white space at its end; -1: it can't be read. */
static int slurp(const char *path, uint8_t *to, size_t room)
{
	FILE *file = fopen(path, "rb");
	size_t bytes;

	if (!file) {
		perror(path);
		return -1;
	}
	bytes = fread(to, 1, room, file);
	fclose(file);
	while (bytes && isspace(to[bytes - 1]))
		bytes--;
	return (int)bytes;
}

static int key_from(const char *path, uint8_t *key, size_t room)
{
	uint8_t text[256];
	int digits = slurp(path, text, sizeof(text));

	if (digits < 0)
		return -1;
	for (int i = 0; i < digits; i++) {
		if (!isxdigit(text[i]) || digits % 2 || (size_t)digits / 2 > room) {
			fprintf(stderr, "%s: not a key: an even number of hexadecimal digits was expected\n", path);
			return -1;
		}
		key[i / 2] = (uint8_t)(key[i / 2] << 4 | (isdigit(text[i]) ? text[i] - '0' : tolower(text[i]) - 'a' + 10));
	}
	return digits / 2;
}

static void show(const char *name, const struct zcbor_string *text)
{
	printf("%s %.*s\n", name, (int)text->len, (const char *)text->value);
}

static int ask(struct gd2_conn *conn)
{
	static struct gd2_ask_reply reply;
	struct gd2_empty nothing = {0};
	struct gd2_error error;

	if (gd2_call_join_ask(conn, &nothing, &reply, CALL_MS, &error))
		return failed("join.ask", &error);
	show("peer", &reply.peer_id);
	show("pool", &reply.pool_id);
	printf("steps %zu\n", reply.steps.items_count);
	return 0;
}

static int watch(struct gd2_conn *conn, const char *volume, int changes, int call_ms)
{
	char known[256] = "";
	struct gd2_volfile_query query = {0};
	struct gd2_volfile reply;
	struct gd2_error error;

	query.volume = gd2_text(volume);
	query.known_present = query.wait_ms_present = true;
	for (int seen = 0; seen <= changes;) {
		query.known = gd2_text(known);
		query.wait_ms = known[0] ? WAIT_MS : 0;
		if (gd2_call_volume_volfile(conn, &query, &reply, call_ms + (int)query.wait_ms, &error))
			return failed("volume.volfile", &error);
		if (!reply.volfile.len)
			continue;
		printf("volfile %.*s revision %llu bytes %zu\n", (int)reply.digest.len, (const char *)reply.digest.value,
		       (unsigned long long)reply.revision, reply.volfile.len);
		fwrite(reply.volfile.value, 1, reply.volfile.len, stdout);
		fflush(stdout);
		snprintf(known, sizeof(known), "%.*s", (int)reply.digest.len, (const char *)reply.digest.value);
		seen++;
	}
	return 0;
}

int main(int count, char **words)
{
	struct gd2_self self = {.peer_id = "c-example", .pool_id = "", .software = "gd2raft C example", .address = ""};
	uint8_t key[128] = {0};
	struct gd2_conn *conn;
	struct gd2_error error;
	int bytes = 0, code;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (count >= 4 && count <= 5 && !strcmp(words[3], "ask")) {
		self.mode = GD2_MODE_JOIN;
		bytes = count == 5 ? slurp(words[4], key, sizeof(key)) : 0;
	} else if (count >= 8 && count <= 10 && !strcmp(words[3], "watch")) {
		self.mode = GD2_MODE_POOL;
		self.pool_id = words[4];
		bytes = key_from(words[5], key, sizeof(key));
		self.dead_after_ms = count > 9 ? atoi(words[9]) : 0;
	} else {
		fprintf(stderr, "usage: %s HOST PORT ask [SECRET_FILE] | watch POOL_ID KEY_FILE VOLUME CHANGES [CALL_MS [DEAD_AFTER_MS]]\n", words[0]);
		return 2;
	}
	if (bytes < 0)
		return 2;
	self.key = key;
	self.key_bytes = (size_t)bytes;
	if (gd2_dial(&conn, words[1], words[2], &self, DIAL_MS, &error))
		return failed("no connection", &error);
	code = self.mode == GD2_MODE_JOIN ? ask(conn) : watch(conn, words[6], atoi(words[7]), count > 8 ? atoi(words[8]) : CALL_MS);
	gd2_close(conn);
	return code;
}
