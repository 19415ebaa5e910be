/* One connection to a daemon: handshake, calls and serving, blocking, each within a deadline. Written by gd2raft.rpc.codegen: do not edit.
 *
 * One thread for a connection. What a call or a handler was given points into the connection's buffers: it is valid until the next
 * call on the connection.
 */
#ifndef GD2_CONN_H
#define GD2_CONN_H

#include "gd2_messages.h"

enum gd2_status {
	GD2_OK = 0,
	GD2_TIMEOUT,  /* no answer in time: the request may have run */
	GD2_CLOSED,   /* the connection ended: the request may have run */
	GD2_UNSOUND,  /* the other end sent what is none of our frames or messages */
	GD2_DENIED,   /* no connection was agreed on: `code` says why */
	GD2_ANSWERED, /* the other peer answered with an error: `code` and `message` are its own */
	GD2_TOO_LONG, /* a message of ours is past its limits: nothing was sent */
	GD2_SYSTEM,   /* the machine: no memory, nobody listens, ... */
};

struct gd2_error {
	char code[257];
	char message[1024];
};

/* Who we are. In mode pool `key` is the pool's; in mode join it is the join secret of the other peer, empty for none. */
struct gd2_self {
	int mode; /* GD2_MODE_POOL, GD2_MODE_JOIN */
	const char *peer_id;
	const char *pool_id;
	const char *software;
	const char *address; /* host:port where we listen, or "" */
	const uint8_t *key;
	size_t key_bytes;
	int dead_after_ms; /* of silence; 0: the usual. After a part of it a ping is sent */
};

struct gd2_handlers;

struct gd2_conn {
	int fd;
	int mode;
	size_t frame_bytes_max;
	char peer_id[1024]; /* of the other end */
	char pool_id[1024];
	int64_t heard_ms;
	int dead_after_ms, keepalive_ms;
	bool pinged;
	uint64_t last_call;
	uint8_t *in;
	size_t in_bytes, in_taken;
	uint8_t *out;
	union gd2_any_message *asked, *answered; /* of handlers */
	const struct gd2_handlers *handlers;     /* for calls that come while we wait for an answer; or NULL */
	void *user;
};

int64_t gd2_now_ms(void); /* a clock that only goes forward */

/* Both give a connection that gd2_close ends, or NULL in *conn. gd2_accept takes `fd`, a connected socket, over. */
enum gd2_status gd2_dial(struct gd2_conn **conn, const char *host, const char *port, const struct gd2_self *self, int timeout_ms,
                         struct gd2_error *error);
enum gd2_status gd2_accept(struct gd2_conn **conn, int fd, const struct gd2_self *self, int timeout_ms, struct gd2_error *error);
void gd2_close(struct gd2_conn *conn);

/* Behind the stubs (gd2_stubs.h). */
enum gd2_status gd2_call(struct gd2_conn *conn, uint32_t method, int deadline_ms, gd2_writer write, void *request, gd2_reader read,
                         void *reply, struct gd2_error *error);
enum gd2_status gd2_notify(struct gd2_conn *conn, uint32_t method, int timeout_ms, gd2_writer write, void *message,
                           struct gd2_error *error);

/* Wait for one frame and treat it: a call or notification goes to its handler. GD2_TIMEOUT when none came. */
enum gd2_status gd2_serve_one(struct gd2_conn *conn, const struct gd2_handlers *handlers, void *user, int timeout_ms,
                              struct gd2_error *error);

/* For gd2_stubs.c: what became of a call. */
enum gd2_status gd2_send_reply(struct gd2_conn *conn, uint64_t call_id, gd2_writer write, void *reply, struct gd2_error *error);
enum gd2_status gd2_send_error(struct gd2_conn *conn, uint64_t call_id, const char *code, const char *message, struct gd2_error *error);

enum gd2_status gd2_say(struct gd2_error *error, enum gd2_status status, const char *code, const char *message);

#endif
