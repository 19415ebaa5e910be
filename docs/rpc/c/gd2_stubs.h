/* One function for each method: to call it, and a place for whoever serves it. Written by gd2raft.rpc.codegen: do not edit.
 *
 * gd2_call_...: within deadline_ms. GD2_ANSWERED: the peer's own error is in *error. What *reply points to is valid until the next call.
 */
#ifndef GD2_STUBS_H
#define GD2_STUBS_H

#include "gd2_conn.h"

enum gd2_method {
	GD2_M_RAFT_MESSAGE = 1,
	GD2_M_STORE_FORWARD = 2,
	GD2_M_STORE_READ = 3,
	GD2_M_FOLLOW_OPEN = 10,
	GD2_M_FOLLOW_FRAMES = 11,
	GD2_M_FOLLOW_SNAPSHOT = 12,
	GD2_M_FOLLOW_STATE = 13,
	GD2_M_FOLLOW_LEASE = 14,
	GD2_M_FOLLOW_HURRY = 15,
	GD2_M_COMMAND_RUN = 20,
	GD2_M_STEP_RUN = 21,
	GD2_M_JOIN_ASK = 30,
	GD2_M_JOIN_INVITE = 31,
	GD2_M_JOIN_REVOKE = 32,
	GD2_M_PEER_DISMISS = 33,
	GD2_M_PEER_STATE = 34,
	GD2_M_PEER_RECOVERED = 35,
	GD2_M_PEER_MOVED = 36,
	GD2_M_BRICKS_STATUS = 40,
	GD2_M_VOLUME_ASK = 41,
	GD2_M_VOLUME_VOLFILE = 42,
	GD2_M_JOB_PROGRESS = 50,
};

enum gd2_status gd2_notify_raft_message(struct gd2_conn *conn, struct gd2_raft_message *message, int timeout_ms, struct gd2_error *error);
enum gd2_status gd2_call_store_forward(struct gd2_conn *conn, struct gd2_forwarded *request, struct gd2_answer *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_store_read(struct gd2_conn *conn, struct gd2_forwarded *request, struct gd2_answer *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_follow_open(struct gd2_conn *conn, struct gd2_follow_request *request, struct gd2_follow_reply *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_notify_follow_frames(struct gd2_conn *conn, struct gd2_frames *message, int timeout_ms, struct gd2_error *error);
enum gd2_status gd2_call_follow_snapshot(struct gd2_conn *conn, struct gd2_snapshot_request *request, struct gd2_snapshot_chunk *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_notify_follow_state(struct gd2_conn *conn, struct gd2_pool_state *message, int timeout_ms, struct gd2_error *error);
enum gd2_status gd2_notify_follow_lease(struct gd2_conn *conn, struct gd2_lease *message, int timeout_ms, struct gd2_error *error);
enum gd2_status gd2_notify_follow_hurry(struct gd2_conn *conn, struct gd2_empty *message, int timeout_ms, struct gd2_error *error);
enum gd2_status gd2_call_command_run(struct gd2_conn *conn, struct gd2_command_message *request, struct gd2_done_message *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_step_run(struct gd2_conn *conn, struct gd2_step_message *request, struct gd2_step_reply *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_join_ask(struct gd2_conn *conn, struct gd2_empty *request, struct gd2_ask_reply *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_join_invite(struct gd2_conn *conn, struct gd2_invitation *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_join_revoke(struct gd2_conn *conn, struct gd2_revocation *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_peer_dismiss(struct gd2_conn *conn, struct gd2_revocation *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_peer_state(struct gd2_conn *conn, struct gd2_empty *request, struct gd2_peer_state *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_peer_recovered(struct gd2_conn *conn, struct gd2_recovered *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_peer_moved(struct gd2_conn *conn, struct gd2_moved *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_bricks_status(struct gd2_conn *conn, struct gd2_volume_query *request, struct gd2_answer *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_volume_ask(struct gd2_conn *conn, struct gd2_volume_ask *request, struct gd2_volume_answer *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_volume_volfile(struct gd2_conn *conn, struct gd2_volfile_query *request, struct gd2_volfile *reply,
                                   int deadline_ms, struct gd2_error *error);
enum gd2_status gd2_call_job_progress(struct gd2_conn *conn, struct gd2_job_query *request, struct gd2_answer *reply,
                                   int deadline_ms, struct gd2_error *error);

/* What serves the methods; NULL: unknown-method. A handler fills the reply (zero before) and returns 0, or says in *error why not and
 * returns something else. `deadline` by gd2_now_ms: nobody waits for an answer after it. What the reply points to must outlive the handler's
 * return until the answer is sent: static, or `user`'s. */
struct gd2_handlers {
	void (*raft_message)(void *user, const struct gd2_raft_message *message);
	int (*store_forward)(void *user, int64_t deadline, const struct gd2_forwarded *request, struct gd2_answer *reply,
	                 struct gd2_error *error);
	int (*store_read)(void *user, int64_t deadline, const struct gd2_forwarded *request, struct gd2_answer *reply,
	                 struct gd2_error *error);
	int (*follow_open)(void *user, int64_t deadline, const struct gd2_follow_request *request, struct gd2_follow_reply *reply,
	                 struct gd2_error *error);
	void (*follow_frames)(void *user, const struct gd2_frames *message);
	int (*follow_snapshot)(void *user, int64_t deadline, const struct gd2_snapshot_request *request, struct gd2_snapshot_chunk *reply,
	                 struct gd2_error *error);
	void (*follow_state)(void *user, const struct gd2_pool_state *message);
	void (*follow_lease)(void *user, const struct gd2_lease *message);
	void (*follow_hurry)(void *user, const struct gd2_empty *message);
	int (*command_run)(void *user, int64_t deadline, const struct gd2_command_message *request, struct gd2_done_message *reply,
	                 struct gd2_error *error);
	int (*step_run)(void *user, int64_t deadline, const struct gd2_step_message *request, struct gd2_step_reply *reply,
	                 struct gd2_error *error);
	int (*join_ask)(void *user, int64_t deadline, const struct gd2_empty *request, struct gd2_ask_reply *reply,
	                 struct gd2_error *error);
	int (*join_invite)(void *user, int64_t deadline, const struct gd2_invitation *request, struct gd2_empty *reply,
	                 struct gd2_error *error);
	int (*join_revoke)(void *user, int64_t deadline, const struct gd2_revocation *request, struct gd2_empty *reply,
	                 struct gd2_error *error);
	int (*peer_dismiss)(void *user, int64_t deadline, const struct gd2_revocation *request, struct gd2_empty *reply,
	                 struct gd2_error *error);
	int (*peer_state)(void *user, int64_t deadline, const struct gd2_empty *request, struct gd2_peer_state *reply,
	                 struct gd2_error *error);
	int (*peer_recovered)(void *user, int64_t deadline, const struct gd2_recovered *request, struct gd2_empty *reply,
	                 struct gd2_error *error);
	int (*peer_moved)(void *user, int64_t deadline, const struct gd2_moved *request, struct gd2_empty *reply,
	                 struct gd2_error *error);
	int (*bricks_status)(void *user, int64_t deadline, const struct gd2_volume_query *request, struct gd2_answer *reply,
	                 struct gd2_error *error);
	int (*volume_ask)(void *user, int64_t deadline, const struct gd2_volume_ask *request, struct gd2_volume_answer *reply,
	                 struct gd2_error *error);
	int (*volume_volfile)(void *user, int64_t deadline, const struct gd2_volfile_query *request, struct gd2_volfile *reply,
	                 struct gd2_error *error);
	int (*job_progress)(void *user, int64_t deadline, const struct gd2_job_query *request, struct gd2_answer *reply,
	                 struct gd2_error *error);
};

/* Treat a frame that came: for gd2_conn.c. */
enum gd2_status gd2_dispatch(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                             struct gd2_error *error);

#endif
