/* See gd2_conn.h. Written by gd2raft.rpc.codegen: do not edit. */
#define _GNU_SOURCE
#include "gd2_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gd2_sha256.h"
#include "gd2_stubs.h"

#define SEND_MS 10000 /* for an answer of ours to leave: the other end doesn't read */

int64_t gd2_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- errors */

enum gd2_status gd2_say(struct gd2_error *error, enum gd2_status status, const char *code, const char *message)
{
	snprintf(error->code, sizeof(error->code), "%s", code);
	snprintf(error->message, sizeof(error->message), "%s", message);
	return status;
}

static enum gd2_status say_errno(struct gd2_error *error, const char *what)
{
	char text[200];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	return gd2_say(error, GD2_SYSTEM, "system", text);
}

static void copy(char *to, size_t room, const struct zcbor_string *text)
{
	size_t bytes = text->len < room - 1 ? text->len : room - 1;

	while (bytes && bytes < text->len && (text->value[bytes] & 0xc0) == 0x80) /* no part of a character */
		bytes--;
	if (bytes)
		memcpy(to, text->value, bytes);
	to[bytes] = 0;
}

static enum gd2_status say_frame(struct gd2_error *error, enum gd2_status status, const struct gd2_frame *frame)
{
	copy(error->code, sizeof(error->code), &frame->code);
	copy(error->message, sizeof(error->message), &frame->message);
	return status;
}

/* ---- bytes in and out */

static enum gd2_status wait_for(struct gd2_conn *conn, short what, int64_t deadline, struct gd2_error *error)
{
	for (;;) {
		int64_t left = deadline - gd2_now_ms();
		struct pollfd fd = {.fd = conn->fd, .events = what};
		int found = left <= 0 ? 0 : poll(&fd, 1, left > 60000 ? 60000 : (int)left);

		if (found > 0)
			return GD2_OK;
		if (found < 0 && errno != EINTR)
			return say_errno(error, "poll");
		if (gd2_now_ms() >= deadline)
			return gd2_say(error, GD2_TIMEOUT, "timeout", "the time is over");
	}
}

static enum gd2_status send_all(struct gd2_conn *conn, const uint8_t *data, size_t bytes, int64_t deadline, struct gd2_error *error)
{
	while (bytes) {
		ssize_t sent = send(conn->fd, data, bytes, MSG_NOSIGNAL);

		if (sent >= 0) {
			data += sent;
			bytes -= (size_t)sent;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			enum gd2_status status = wait_for(conn, POLLOUT, deadline, error);
			if (status)
				return status;
		} else if (errno != EINTR) {
			return gd2_say(error, GD2_CLOSED, "closed", strerror(errno));
		}
	}
	return GD2_OK;
}

/* Until `bytes` that belong together are in the buffer, from its start on. */
static enum gd2_status fill(struct gd2_conn *conn, size_t bytes, int64_t deadline, struct gd2_error *error)
{
	while (conn->in_bytes < bytes) {
		ssize_t got = recv(conn->fd, conn->in + conn->in_bytes, bytes - conn->in_bytes, 0);

		if (got > 0) {
			conn->in_bytes += (size_t)got;
			conn->heard_ms = gd2_now_ms();
			conn->pinged = false;
		} else if (got == 0) {
			return gd2_say(error, GD2_CLOSED, "closed", "the other end closed the connection");
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			enum gd2_status status = wait_for(conn, POLLIN, deadline, error);
			if (status)
				return status;
		} else if (errno != EINTR) {
			return gd2_say(error, GD2_CLOSED, "closed", strerror(errno));
		}
	}
	return GD2_OK;
}

static uint32_t length_of(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void put_length(uint8_t *b, size_t length)
{
	for (int i = 0; i < 4; i++)
		b[i] = (uint8_t)(length >> (24 - 8 * i));
}

/* The next frame, whatever it is. What was read before is forgotten. */
static enum gd2_status next_frame(struct gd2_conn *conn, struct gd2_frame *frame, size_t most, int64_t deadline, struct gd2_error *error)
{
	enum gd2_status status;
	size_t length;

	if (conn->in_taken) {
		conn->in_bytes = conn->in_taken = 0;
	}
	if ((status = fill(conn, 4, deadline, error)))
		return status;
	length = length_of(conn->in);
	if (length == 0 || length > most)
		return gd2_say(error, GD2_UNSOUND, "frame", "a frame of a length that is not allowed is announced");
	if ((status = fill(conn, 4 + length, deadline, error)))
		return status;
	conn->in_taken = 4 + length;
	if (!gd2_read_frame(conn->in + 4, length, frame))
		return gd2_say(error, GD2_UNSOUND, "frame", "what came is not a frame");
	return GD2_OK;
}

/* A frame, with a body behind it when there is a writer. */
static enum gd2_status send_frame(struct gd2_conn *conn, const struct gd2_frame *frame, gd2_writer write, void *body, int64_t deadline,
                                  struct gd2_error *error)
{
	size_t bytes = gd2_write_frame(conn->out + 4, conn->frame_bytes_max, frame), more = 0;

	if (bytes && write)
		more = write(conn->out + 4 + bytes, conn->frame_bytes_max - bytes, body);
	if (!bytes || (write && !more))
		return gd2_say(error, GD2_TOO_LONG, GD2_E_TOO_LARGE, "a message is past its limits: it was not sent");
	put_length(conn->out, bytes + more);
	return send_all(conn, conn->out, 4 + bytes + more, deadline, error);
}

/* The next frame that is not about keeping the connection. Pings are sent and answered; silence ends it. */
static enum gd2_status receive(struct gd2_conn *conn, struct gd2_frame *frame, int64_t deadline, struct gd2_error *error)
{
	struct gd2_frame ping = {.kind = GD2_PING}, pong = {.kind = GD2_PONG};
	enum gd2_status status;

	for (;;) {
		int64_t next = conn->heard_ms + (conn->pinged ? conn->dead_after_ms : conn->keepalive_ms);

		status = next_frame(conn, frame, conn->frame_bytes_max, next < deadline ? next : deadline, error);
		if (status == GD2_OK && frame->kind == GD2_PING)
			status = send_frame(conn, &pong, NULL, NULL, gd2_now_ms() + SEND_MS, error);
		else if (status != GD2_TIMEOUT && !(status == GD2_OK && frame->kind == GD2_PONG))
			return status;
		if (status && status != GD2_TIMEOUT)
			return status;
		if (gd2_now_ms() >= deadline)
			return gd2_say(error, GD2_TIMEOUT, "timeout", "no answer within the time");
		if (gd2_now_ms() - conn->heard_ms >= conn->dead_after_ms)
			return gd2_say(error, GD2_CLOSED, "silent", "the other end has been silent for too long");
		if (gd2_now_ms() - conn->heard_ms >= conn->keepalive_ms && !conn->pinged) {
			conn->pinged = true;
			if ((status = send_frame(conn, &ping, NULL, NULL, gd2_now_ms() + SEND_MS, error)))
				return status;
		}
	}
}

/* ---- the handshake: docs/wire-services.md has its bytes */

struct prefaces {
	uint8_t dialer[GD2_PREFACE_BYTES], listener[GD2_PREFACE_BYTES];
};

static void make_preface(uint8_t *out, int mode, const uint8_t *key_id)
{
	memset(out, 0, GD2_PREFACE_BYTES);
	memcpy(out, GD2_MAGIC, 4);
	out[5] = GD2_VERSION;
	out[6] = (uint8_t)mode;
	memcpy(out + 8, key_id, GD2_KEY_ID_BYTES);
}

static void make_key(const struct gd2_self *self, uint8_t key[GD2_DIGEST_BYTES], uint8_t key_id[GD2_KEY_ID_BYTES])
{
	static const char with[] = "gd2raft join secret:", without[] = "gd2raft join without a secret";
	uint8_t digest[GD2_DIGEST_BYTES];
	struct gd2_sha256 hash;

	memset(key_id, 0, GD2_KEY_ID_BYTES);
	gd2_sha256_start(&hash);
	if (self->mode == GD2_MODE_POOL) {
		gd2_sha256_add(&hash, self->pool_id, strlen(self->pool_id));
		gd2_sha256_end(&hash, digest);
		memcpy(key_id, digest, GD2_KEY_ID_BYTES);
		return;
	}
	gd2_sha256_add(&hash, self->key_bytes ? with : without, strlen(self->key_bytes ? with : without));
	gd2_sha256_add(&hash, self->key, self->key_bytes);
	gd2_sha256_end(&hash, key);
}

static void prove(const struct gd2_self *self, const uint8_t *join_key, const char *role, const struct prefaces *both,
                  uint8_t proof[GD2_PROOF_BYTES])
{
	struct gd2_hmac mac;

	if (self->mode == GD2_MODE_POOL)
		gd2_hmac_start(&mac, self->key, self->key_bytes);
	else
		gd2_hmac_start(&mac, join_key, GD2_DIGEST_BYTES);
	gd2_hmac_add(&mac, "gd2raft ", 8);
	gd2_hmac_add(&mac, role, strlen(role) + 1); /* and its zero */
	gd2_hmac_add(&mac, both->dialer, GD2_PREFACE_BYTES);
	gd2_hmac_add(&mac, both->listener, GD2_PREFACE_BYTES);
	gd2_hmac_end(&mac, proof);
}

/* In a time that does not depend on where they differ. */
static bool same(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	unsigned different = 0;

	for (size_t i = 0; i < bytes; i++)
		different |= a[i] ^ b[i];
	return !different;
}

static enum gd2_status say_status(struct gd2_error *error, int status)
{
	if (status == 1)
		return gd2_say(error, GD2_DENIED, "protocol-version", "the other peer speaks another version of the peer protocol");
	if (status == 2)
		return gd2_say(error, GD2_DENIED, "other-pool", "the other peer is not a member of this pool");
	return gd2_say(error, GD2_DENIED, "wrong-key", "the keys differ: the pool key, or the join secret, is not the same on both peers");
}

static enum gd2_status take_bytes(struct gd2_conn *conn, uint8_t *to, size_t bytes, int64_t deadline, struct gd2_error *error)
{
	enum gd2_status status = fill(conn, bytes, deadline, error);

	if (status)
		return status;
	memcpy(to, conn->in, bytes);
	conn->in_bytes = 0;
	return GD2_OK;
}

/* Our hello out: `info` is a hello-info. */
static enum gd2_status send_hello(struct gd2_conn *conn, const struct gd2_self *self, struct zcbor_string dialled, int64_t deadline,
                                  struct gd2_error *error)
{
	struct gd2_hello_info *info = &conn->asked->hello_info_message;
	struct gd2_frame frame = {.kind = GD2_HELLO, .dialled = dialled};
	uint8_t written[2048];

	memset(info, 0, sizeof(*info));
	info->peer_id = gd2_text(self->peer_id);
	info->pool_id = gd2_text(self->pool_id);
	info->software = gd2_text(self->software);
	info->address = gd2_text(self->address);
	info->software_present = info->address_present = true;
	frame.body = (struct zcbor_string){.value = written, .len = gd2_write_hello_info(written, sizeof(written), info)};
	if (!frame.body.len)
		return gd2_say(error, GD2_TOO_LONG, GD2_E_TOO_LARGE, "what we say about ourselves is too long");
	return send_frame(conn, &frame, NULL, NULL, deadline, error);
}

static enum gd2_status take_hello(struct gd2_conn *conn, struct gd2_frame *frame, int64_t deadline, struct gd2_error *error)
{
	struct gd2_hello_info *info = &conn->answered->hello_info_message;
	enum gd2_status status = next_frame(conn, frame, GD2_HELLO_BYTES_MAX, deadline, error);

	if (status)
		return status;
	if (frame->kind == GD2_REFUSED)
		return say_frame(error, GD2_DENIED, frame);
	if (frame->kind != GD2_HELLO || !gd2_read_hello_info(frame->body.value, frame->body.len, info))
		return gd2_say(error, GD2_UNSOUND, "bad-hello", "a hello was expected");
	copy(conn->peer_id, sizeof(conn->peer_id), &info->peer_id);
	copy(conn->pool_id, sizeof(conn->pool_id), &info->pool_id);
	return GD2_OK;
}

static enum gd2_status shake_as_dialer(struct gd2_conn *conn, const struct gd2_self *self, const char *dialled, int64_t deadline,
                                       struct gd2_error *error)
{
	uint8_t key[GD2_DIGEST_BYTES] = {0}, key_id[GD2_KEY_ID_BYTES], mine[GD2_PROOF_BYTES], theirs[1 + GD2_PROOF_BYTES];
	struct gd2_frame frame;
	struct prefaces both;
	enum gd2_status status;

	make_key(self, key, key_id);
	make_preface(both.dialer, self->mode, key_id);
	if (getrandom(both.dialer + GD2_PREFACE_BYTES - GD2_NONCE_BYTES, GD2_NONCE_BYTES, 0) != GD2_NONCE_BYTES)
		return say_errno(error, "getrandom");
	if ((status = send_all(conn, both.dialer, GD2_PREFACE_BYTES, deadline, error)) ||
	    (status = take_bytes(conn, both.listener, GD2_PREFACE_BYTES, deadline, error)))
		return status;
	if (memcmp(both.listener, GD2_MAGIC, 4))
		return gd2_say(error, GD2_DENIED, "not-gd2raft", "what listens at this address is not the peer RPC of gd2raft: check the port");
	if (both.listener[7] || both.listener[4] || both.listener[5] != GD2_VERSION)
		return say_status(error, both.listener[7] ? both.listener[7] : 1);
	if (both.listener[6] != self->mode || memcmp(both.listener + 8, key_id, GD2_KEY_ID_BYTES))
		return gd2_say(error, GD2_DENIED, "not-gd2raft", "the listener answered for another mode or key than it was asked for");
	prove(self, key, "dialer", &both, mine);
	if ((status = send_all(conn, mine, sizeof(mine), deadline, error)) ||
	    (status = take_bytes(conn, theirs, sizeof(theirs), deadline, error)))
		return status;
	if (theirs[0])
		return say_status(error, theirs[0]);
	prove(self, key, "listener", &both, mine);
	if (!same(mine, theirs + 1, GD2_PROOF_BYTES))
		return gd2_say(error, GD2_DENIED, "wrong-key", "the listener could not prove that it holds the key");
	if ((status = send_hello(conn, self, gd2_text(dialled), deadline, error)))
		return status;
	return take_hello(conn, &frame, deadline, error);
}

static enum gd2_status shake_as_listener(struct gd2_conn *conn, const struct gd2_self *self, int64_t deadline, struct gd2_error *error)
{
	uint8_t key[GD2_DIGEST_BYTES] = {0}, key_id[GD2_KEY_ID_BYTES], theirs[GD2_PROOF_BYTES], verdict[1 + GD2_PROOF_BYTES] = {0};
	struct gd2_frame frame;
	struct prefaces both;
	enum gd2_status status;
	int no = 0;

	if ((status = take_bytes(conn, both.dialer, GD2_PREFACE_BYTES, deadline, error)))
		return status;
	if (memcmp(both.dialer, GD2_MAGIC, 4))
		return gd2_say(error, GD2_DENIED, "not-gd2raft", "the first bytes are not those of a gd2raft peer");
	make_key(self, key, key_id);
	if (both.dialer[4] || both.dialer[5] != GD2_VERSION)
		no = 1;
	else if (both.dialer[6] != self->mode || memcmp(both.dialer + 8, key_id, GD2_KEY_ID_BYTES))
		no = 2;
	make_preface(both.listener, both.dialer[6], both.dialer + 8);
	both.listener[7] = (uint8_t)no;
	if (getrandom(both.listener + GD2_PREFACE_BYTES - GD2_NONCE_BYTES, GD2_NONCE_BYTES, 0) != GD2_NONCE_BYTES)
		return say_errno(error, "getrandom");
	if ((status = send_all(conn, both.listener, GD2_PREFACE_BYTES, deadline, error)))
		return status;
	if (no)
		return say_status(error, no);
	if ((status = take_bytes(conn, theirs, sizeof(theirs), deadline, error)))
		return status;
	prove(self, key, "dialer", &both, verdict + 1);
	if (!same(theirs, verdict + 1, GD2_PROOF_BYTES)) {
		memset(verdict, 0, sizeof(verdict));
		verdict[0] = 3;
		send_all(conn, verdict, sizeof(verdict), deadline, error);
		return say_status(error, 3);
	}
	prove(self, key, "listener", &both, verdict + 1);
	if ((status = send_all(conn, verdict, sizeof(verdict), deadline, error)) || (status = take_hello(conn, &frame, deadline, error)))
		return status;
	return send_hello(conn, self, frame.dialled, deadline, error);
}

/* ---- opening and closing */

static struct gd2_conn *new_conn(int fd, const struct gd2_self *self)
{
	struct gd2_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->fd = fd;
	conn->mode = self->mode;
	conn->frame_bytes_max = self->mode == GD2_MODE_JOIN ? GD2_JOIN_FRAME_BYTES_MAX : GD2_FRAME_BYTES_MAX;
	conn->heard_ms = gd2_now_ms();
	conn->dead_after_ms = self->dead_after_ms ? self->dead_after_ms : GD2_DEAD_AFTER_MS;
	conn->keepalive_ms = (int)((int64_t)conn->dead_after_ms * GD2_KEEPALIVE_MS / GD2_DEAD_AFTER_MS);
	conn->in = malloc(4 + (size_t)GD2_FRAME_BYTES_MAX);
	conn->out = malloc(4 + (size_t)GD2_FRAME_BYTES_MAX);
	conn->asked = calloc(1, sizeof(*conn->asked));
	conn->answered = calloc(1, sizeof(*conn->answered));
	if (conn->in && conn->out && conn->asked && conn->answered)
		return conn;
	conn->fd = -1; /* the caller's */
	gd2_close(conn);
	return NULL;
}

void gd2_close(struct gd2_conn *conn)
{
	if (!conn)
		return;
	if (conn->fd >= 0)
		close(conn->fd);
	free(conn->in);
	free(conn->out);
	free(conn->asked);
	free(conn->answered);
	free(conn);
}

static enum gd2_status set_up(int fd, struct gd2_error *error)
{
	int yes = 1, flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return say_errno(error, "fcntl");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return GD2_OK;
}

/* A socket that is being connected. Only numbers and names of one address: the caller tries the next one. */
static enum gd2_status connect_to(const char *host, const char *port, int *fd, struct gd2_error *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	int no = getaddrinfo(host, port, &hints, &found);
	enum gd2_status status;

	if (no)
		return gd2_say(error, GD2_SYSTEM, "address", gai_strerror(no));
	*fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		status = say_errno(error, "socket");
	else if (!(status = set_up(*fd, error)) && connect(*fd, found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS)
		status = say_errno(error, "connect");
	freeaddrinfo(found);
	if (status && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	return status;
}

static enum gd2_status connected(struct gd2_conn *conn, int64_t deadline, struct gd2_error *error)
{
	socklen_t size = sizeof(int);
	int no = 0;
	enum gd2_status status = wait_for(conn, POLLOUT, deadline, error);

	if (status)
		return status;
	getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &no, &size);
	errno = no;
	return no ? say_errno(error, "connect") : GD2_OK;
}

static enum gd2_status agreed(struct gd2_conn **out, struct gd2_conn *conn, enum gd2_status status)
{
	if (status) {
		gd2_close(conn);
		conn = NULL;
	}
	*out = conn;
	return status;
}

enum gd2_status gd2_dial(struct gd2_conn **out, const char *host, const char *port, const struct gd2_self *self, int timeout_ms,
                         struct gd2_error *error)
{
	int64_t deadline = gd2_now_ms() + timeout_ms;
	struct gd2_conn *conn;
	enum gd2_status status;
	char dialled[300];
	int fd = -1;

	*out = NULL;
	snprintf(dialled, sizeof(dialled), "%.200s:%.20s", host, port);
	if ((status = connect_to(host, port, &fd, error)))
		return status;
	if (!(conn = new_conn(fd, self))) {
		close(fd);
		return gd2_say(error, GD2_SYSTEM, "memory", "no memory for a connection");
	}
	if (!(status = connected(conn, deadline, error)))
		status = shake_as_dialer(conn, self, dialled, deadline, error);
	return agreed(out, conn, status);
}

enum gd2_status gd2_accept(struct gd2_conn **out, int fd, const struct gd2_self *self, int timeout_ms, struct gd2_error *error)
{
	struct gd2_conn *conn = new_conn(fd, self);
	enum gd2_status status;

	*out = NULL;
	if (!conn) {
		close(fd);
		return gd2_say(error, GD2_SYSTEM, "memory", "no memory for a connection");
	}
	if (!(status = set_up(fd, error)))
		status = shake_as_listener(conn, self, gd2_now_ms() + timeout_ms, error);
	return agreed(out, conn, status);
}

/* ---- calling and serving */

static void cancel(struct gd2_conn *conn, uint64_t call_id)
{
	struct gd2_frame frame = {.kind = GD2_CANCEL, .call_id = call_id};
	struct gd2_error ignored;

	send_frame(conn, &frame, NULL, NULL, gd2_now_ms() + SEND_MS, &ignored);
}

enum gd2_status gd2_call(struct gd2_conn *conn, uint32_t method, int deadline_ms, gd2_writer write, void *request, gd2_reader read,
                         void *reply, struct gd2_error *error)
{
	int64_t deadline = gd2_now_ms() + deadline_ms;
	struct gd2_frame frame = {.kind = GD2_CALL, .method = method, .call_id = ++conn->last_call, .deadline_ms = (uint32_t)deadline_ms};
	enum gd2_status status = send_frame(conn, &frame, write, request, deadline, error);

	while (!status) {
		if ((status = receive(conn, &frame, deadline, error)))
			break;
		if (frame.call_id == conn->last_call && frame.kind == GD2_ERROR)
			return say_frame(error, GD2_ANSWERED, &frame);
		if (frame.call_id == conn->last_call && frame.kind == GD2_REPLY) {
			if (read(frame.body.value, frame.body.len, reply))
				return GD2_OK;
			return gd2_say(error, GD2_UNSOUND, "bad-reply", "the reply has another type: the two peers differ about the method");
		}
		status = gd2_dispatch(conn, &frame, conn->handlers, conn->user, error);
	}
	if (status == GD2_TIMEOUT)
		cancel(conn, conn->last_call);
	return status;
}

enum gd2_status gd2_notify(struct gd2_conn *conn, uint32_t method, int timeout_ms, gd2_writer write, void *message,
                           struct gd2_error *error)
{
	struct gd2_frame frame = {.kind = GD2_NOTIFY, .method = method};

	return send_frame(conn, &frame, write, message, gd2_now_ms() + timeout_ms, error);
}

enum gd2_status gd2_serve_one(struct gd2_conn *conn, const struct gd2_handlers *handlers, void *user, int timeout_ms,
                              struct gd2_error *error)
{
	struct gd2_frame frame;
	enum gd2_status status = receive(conn, &frame, gd2_now_ms() + timeout_ms, error);

	return status ? status : gd2_dispatch(conn, &frame, handlers, user, error);
}

enum gd2_status gd2_send_reply(struct gd2_conn *conn, uint64_t call_id, gd2_writer write, void *reply, struct gd2_error *error)
{
	struct gd2_frame frame = {.kind = GD2_REPLY, .call_id = call_id};
	enum gd2_status status = send_frame(conn, &frame, write, reply, gd2_now_ms() + SEND_MS, error);

	if (status != GD2_TOO_LONG)
		return status;
	return gd2_send_error(conn, call_id, GD2_E_TOO_LARGE, "the reply is past its limits", error);
}

enum gd2_status gd2_send_error(struct gd2_conn *conn, uint64_t call_id, const char *code, const char *message, struct gd2_error *error)
{
	struct gd2_frame frame = {.kind = GD2_ERROR, .call_id = call_id, .code = gd2_text(code), .message = gd2_text(message)};

	return send_frame(conn, &frame, NULL, NULL, gd2_now_ms() + SEND_MS, error);
}
