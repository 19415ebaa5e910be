/* See gd2_stubs.h. Written by gd2raft.rpc.codegen: do not edit. */
#include "gd2_stubs.h"

#include <string.h>


enum gd2_status gd2_notify_raft_message(struct gd2_conn *conn, struct gd2_raft_message *message, int timeout_ms, struct gd2_error *error)
{
	return gd2_notify(conn, GD2_M_RAFT_MESSAGE, timeout_ms, gd2_messages[GD2_N_RAFT_MESSAGE].write, message, error);
}

enum gd2_status gd2_call_store_forward(struct gd2_conn *conn, struct gd2_forwarded *request, struct gd2_answer *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_STORE_FORWARD, deadline_ms, gd2_messages[GD2_N_FORWARDED].write, request, gd2_messages[GD2_N_ANSWER].read, reply, error);
}

enum gd2_status gd2_call_store_read(struct gd2_conn *conn, struct gd2_forwarded *request, struct gd2_answer *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_STORE_READ, deadline_ms, gd2_messages[GD2_N_FORWARDED].write, request, gd2_messages[GD2_N_ANSWER].read, reply, error);
}

enum gd2_status gd2_call_follow_open(struct gd2_conn *conn, struct gd2_follow_request *request, struct gd2_follow_reply *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_FOLLOW_OPEN, deadline_ms, gd2_messages[GD2_N_FOLLOW_REQUEST].write, request, gd2_messages[GD2_N_FOLLOW_REPLY].read, reply, error);
}

enum gd2_status gd2_notify_follow_frames(struct gd2_conn *conn, struct gd2_frames *message, int timeout_ms, struct gd2_error *error)
{
	return gd2_notify(conn, GD2_M_FOLLOW_FRAMES, timeout_ms, gd2_messages[GD2_N_FRAMES].write, message, error);
}

enum gd2_status gd2_call_follow_snapshot(struct gd2_conn *conn, struct gd2_snapshot_request *request, struct gd2_snapshot_chunk *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_FOLLOW_SNAPSHOT, deadline_ms, gd2_messages[GD2_N_SNAPSHOT_REQUEST].write, request, gd2_messages[GD2_N_SNAPSHOT_CHUNK].read, reply, error);
}

enum gd2_status gd2_notify_follow_state(struct gd2_conn *conn, struct gd2_pool_state *message, int timeout_ms, struct gd2_error *error)
{
	return gd2_notify(conn, GD2_M_FOLLOW_STATE, timeout_ms, gd2_messages[GD2_N_POOL_STATE].write, message, error);
}

enum gd2_status gd2_notify_follow_lease(struct gd2_conn *conn, struct gd2_lease *message, int timeout_ms, struct gd2_error *error)
{
	return gd2_notify(conn, GD2_M_FOLLOW_LEASE, timeout_ms, gd2_messages[GD2_N_LEASE].write, message, error);
}

enum gd2_status gd2_notify_follow_hurry(struct gd2_conn *conn, struct gd2_empty *message, int timeout_ms, struct gd2_error *error)
{
	return gd2_notify(conn, GD2_M_FOLLOW_HURRY, timeout_ms, gd2_messages[GD2_N_EMPTY].write, message, error);
}

enum gd2_status gd2_call_command_run(struct gd2_conn *conn, struct gd2_command_message *request, struct gd2_done_message *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_COMMAND_RUN, deadline_ms, gd2_messages[GD2_N_COMMAND_MESSAGE].write, request, gd2_messages[GD2_N_DONE_MESSAGE].read, reply, error);
}

enum gd2_status gd2_call_step_run(struct gd2_conn *conn, struct gd2_step_message *request, struct gd2_step_reply *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_STEP_RUN, deadline_ms, gd2_messages[GD2_N_STEP_MESSAGE].write, request, gd2_messages[GD2_N_STEP_REPLY].read, reply, error);
}

enum gd2_status gd2_call_join_ask(struct gd2_conn *conn, struct gd2_empty *request, struct gd2_ask_reply *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_JOIN_ASK, deadline_ms, gd2_messages[GD2_N_EMPTY].write, request, gd2_messages[GD2_N_ASK_REPLY].read, reply, error);
}

enum gd2_status gd2_call_join_invite(struct gd2_conn *conn, struct gd2_invitation *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_JOIN_INVITE, deadline_ms, gd2_messages[GD2_N_INVITATION].write, request, gd2_messages[GD2_N_EMPTY].read, reply, error);
}

enum gd2_status gd2_call_join_revoke(struct gd2_conn *conn, struct gd2_revocation *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_JOIN_REVOKE, deadline_ms, gd2_messages[GD2_N_REVOCATION].write, request, gd2_messages[GD2_N_EMPTY].read, reply, error);
}

enum gd2_status gd2_call_peer_dismiss(struct gd2_conn *conn, struct gd2_revocation *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_PEER_DISMISS, deadline_ms, gd2_messages[GD2_N_REVOCATION].write, request, gd2_messages[GD2_N_EMPTY].read, reply, error);
}

enum gd2_status gd2_call_peer_state(struct gd2_conn *conn, struct gd2_empty *request, struct gd2_peer_state *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_PEER_STATE, deadline_ms, gd2_messages[GD2_N_EMPTY].write, request, gd2_messages[GD2_N_PEER_STATE].read, reply, error);
}

enum gd2_status gd2_call_peer_recovered(struct gd2_conn *conn, struct gd2_recovered *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_PEER_RECOVERED, deadline_ms, gd2_messages[GD2_N_RECOVERED].write, request, gd2_messages[GD2_N_EMPTY].read, reply, error);
}

enum gd2_status gd2_call_peer_moved(struct gd2_conn *conn, struct gd2_moved *request, struct gd2_empty *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_PEER_MOVED, deadline_ms, gd2_messages[GD2_N_MOVED].write, request, gd2_messages[GD2_N_EMPTY].read, reply, error);
}

enum gd2_status gd2_call_bricks_status(struct gd2_conn *conn, struct gd2_volume_query *request, struct gd2_answer *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_BRICKS_STATUS, deadline_ms, gd2_messages[GD2_N_VOLUME_QUERY].write, request, gd2_messages[GD2_N_ANSWER].read, reply, error);
}

enum gd2_status gd2_call_volume_ask(struct gd2_conn *conn, struct gd2_volume_ask *request, struct gd2_volume_answer *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_VOLUME_ASK, deadline_ms, gd2_messages[GD2_N_VOLUME_ASK].write, request, gd2_messages[GD2_N_VOLUME_ANSWER].read, reply, error);
}

enum gd2_status gd2_call_volume_volfile(struct gd2_conn *conn, struct gd2_volfile_query *request, struct gd2_volfile *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_VOLUME_VOLFILE, deadline_ms, gd2_messages[GD2_N_VOLFILE_QUERY].write, request, gd2_messages[GD2_N_VOLFILE].read, reply, error);
}

enum gd2_status gd2_call_job_progress(struct gd2_conn *conn, struct gd2_job_query *request, struct gd2_answer *reply,
                                   int deadline_ms, struct gd2_error *error)
{
	return gd2_call(conn, GD2_M_JOB_PROGRESS, deadline_ms, gd2_messages[GD2_N_JOB_QUERY].write, request, gd2_messages[GD2_N_ANSWER].read, reply, error);
}

static enum gd2_status refuse(struct gd2_conn *conn, const struct gd2_frame *frame, const char *code, const char *why, struct gd2_error *error)
{
	return gd2_send_error(conn, frame->call_id, code, why, error);
}

static enum gd2_status unknown(struct gd2_conn *conn, const struct gd2_frame *frame, struct gd2_error *error)
{
	return refuse(conn, frame, GD2_E_UNKNOWN_METHOD, "this program does not serve that method", error);
}

/* The handler's end, as an answer. */
static enum gd2_status answer(struct gd2_conn *conn, const struct gd2_frame *frame, int no, int64_t deadline, gd2_writer write, void *reply,
                              struct gd2_error *said, struct gd2_error *error)
{
	if (gd2_now_ms() >= deadline)
		return refuse(conn, frame, GD2_E_DEADLINE, "not done within the call's deadline", error);
	if (no)
		return refuse(conn, frame, said->code[0] ? said->code : GD2_E_INTERNAL, said->message, error);
	return gd2_send_reply(conn, frame->call_id, write, reply, error);
}

static enum gd2_status serve_raft_message(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_raft_message *request = &conn->asked->raft_message_message;

	(void)error;
	if (handlers->raft_message && gd2_read_raft_message(frame->body.value, frame->body.len, request))
		handlers->raft_message(user, request);
	return GD2_OK;
}

static enum gd2_status serve_store_forward(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_forwarded *request = &conn->asked->forwarded_message;
	struct gd2_answer *reply = &conn->answered->answer_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->store_forward)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "store.forward can't be used before the peer is a member of the pool", error);
	if (!gd2_read_forwarded(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "store.forward: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->store_forward(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_ANSWER].write, reply, &said, error);
}

static enum gd2_status serve_store_read(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_forwarded *request = &conn->asked->forwarded_message;
	struct gd2_answer *reply = &conn->answered->answer_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->store_read)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "store.read can't be used before the peer is a member of the pool", error);
	if (!gd2_read_forwarded(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "store.read: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->store_read(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_ANSWER].write, reply, &said, error);
}

static enum gd2_status serve_follow_open(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_follow_request *request = &conn->asked->follow_request_message;
	struct gd2_follow_reply *reply = &conn->answered->follow_reply_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->follow_open)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "follow.open can't be used before the peer is a member of the pool", error);
	if (!gd2_read_follow_request(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "follow.open: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->follow_open(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_FOLLOW_REPLY].write, reply, &said, error);
}

static enum gd2_status serve_follow_frames(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_frames *request = &conn->asked->frames_message;

	(void)error;
	if (handlers->follow_frames && gd2_read_frames(frame->body.value, frame->body.len, request))
		handlers->follow_frames(user, request);
	return GD2_OK;
}

static enum gd2_status serve_follow_snapshot(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_snapshot_request *request = &conn->asked->snapshot_request_message;
	struct gd2_snapshot_chunk *reply = &conn->answered->snapshot_chunk_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->follow_snapshot)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "follow.snapshot can't be used before the peer is a member of the pool", error);
	if (!gd2_read_snapshot_request(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "follow.snapshot: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->follow_snapshot(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_SNAPSHOT_CHUNK].write, reply, &said, error);
}

static enum gd2_status serve_follow_state(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_pool_state *request = &conn->asked->pool_state_message;

	(void)error;
	if (handlers->follow_state && gd2_read_pool_state(frame->body.value, frame->body.len, request))
		handlers->follow_state(user, request);
	return GD2_OK;
}

static enum gd2_status serve_follow_lease(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_lease *request = &conn->asked->lease_message;

	(void)error;
	if (handlers->follow_lease && gd2_read_lease(frame->body.value, frame->body.len, request))
		handlers->follow_lease(user, request);
	return GD2_OK;
}

static enum gd2_status serve_follow_hurry(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_empty *request = &conn->asked->empty_message;

	(void)error;
	if (handlers->follow_hurry && gd2_read_empty(frame->body.value, frame->body.len, request))
		handlers->follow_hurry(user, request);
	return GD2_OK;
}

static enum gd2_status serve_command_run(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_command_message *request = &conn->asked->command_message_message;
	struct gd2_done_message *reply = &conn->answered->done_message_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->command_run)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "command.run can't be used before the peer is a member of the pool", error);
	if (!gd2_read_command_message(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "command.run: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->command_run(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_DONE_MESSAGE].write, reply, &said, error);
}

static enum gd2_status serve_step_run(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_step_message *request = &conn->asked->step_message_message;
	struct gd2_step_reply *reply = &conn->answered->step_reply_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->step_run)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "step.run can't be used before the peer is a member of the pool", error);
	if (!gd2_read_step_message(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "step.run: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->step_run(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_STEP_REPLY].write, reply, &said, error);
}

static enum gd2_status serve_join_ask(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_empty *request = &conn->asked->empty_message;
	struct gd2_ask_reply *reply = &conn->answered->ask_reply_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->join_ask)
		return unknown(conn, frame, error);
	if (!gd2_read_empty(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "join.ask: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->join_ask(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_ASK_REPLY].write, reply, &said, error);
}

static enum gd2_status serve_join_invite(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_invitation *request = &conn->asked->invitation_message;
	struct gd2_empty *reply = &conn->answered->empty_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->join_invite)
		return unknown(conn, frame, error);
	if (!gd2_read_invitation(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "join.invite: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->join_invite(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_EMPTY].write, reply, &said, error);
}

static enum gd2_status serve_join_revoke(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_revocation *request = &conn->asked->revocation_message;
	struct gd2_empty *reply = &conn->answered->empty_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->join_revoke)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "join.revoke can't be used before the peer is a member of the pool", error);
	if (!gd2_read_revocation(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "join.revoke: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->join_revoke(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_EMPTY].write, reply, &said, error);
}

static enum gd2_status serve_peer_dismiss(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_revocation *request = &conn->asked->revocation_message;
	struct gd2_empty *reply = &conn->answered->empty_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->peer_dismiss)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "peer.dismiss can't be used before the peer is a member of the pool", error);
	if (!gd2_read_revocation(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "peer.dismiss: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->peer_dismiss(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_EMPTY].write, reply, &said, error);
}

static enum gd2_status serve_peer_state(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_empty *request = &conn->asked->empty_message;
	struct gd2_peer_state *reply = &conn->answered->peer_state_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->peer_state)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "peer.state can't be used before the peer is a member of the pool", error);
	if (!gd2_read_empty(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "peer.state: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->peer_state(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_PEER_STATE].write, reply, &said, error);
}

static enum gd2_status serve_peer_recovered(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_recovered *request = &conn->asked->recovered_message;
	struct gd2_empty *reply = &conn->answered->empty_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->peer_recovered)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "peer.recovered can't be used before the peer is a member of the pool", error);
	if (!gd2_read_recovered(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "peer.recovered: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->peer_recovered(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_EMPTY].write, reply, &said, error);
}

static enum gd2_status serve_peer_moved(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_moved *request = &conn->asked->moved_message;
	struct gd2_empty *reply = &conn->answered->empty_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->peer_moved)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "peer.moved can't be used before the peer is a member of the pool", error);
	if (!gd2_read_moved(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "peer.moved: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->peer_moved(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_EMPTY].write, reply, &said, error);
}

static enum gd2_status serve_bricks_status(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_volume_query *request = &conn->asked->volume_query_message;
	struct gd2_answer *reply = &conn->answered->answer_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->bricks_status)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "bricks.status can't be used before the peer is a member of the pool", error);
	if (!gd2_read_volume_query(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "bricks.status: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->bricks_status(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_ANSWER].write, reply, &said, error);
}

static enum gd2_status serve_volume_ask(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_volume_ask *request = &conn->asked->volume_ask_message;
	struct gd2_volume_answer *reply = &conn->answered->volume_answer_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->volume_ask)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "volume.ask can't be used before the peer is a member of the pool", error);
	if (!gd2_read_volume_ask(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "volume.ask: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->volume_ask(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_VOLUME_ANSWER].write, reply, &said, error);
}

static enum gd2_status serve_volume_volfile(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_volfile_query *request = &conn->asked->volfile_query_message;
	struct gd2_volfile *reply = &conn->answered->volfile_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->volume_volfile)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "volume.volfile can't be used before the peer is a member of the pool", error);
	if (!gd2_read_volfile_query(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "volume.volfile: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->volume_volfile(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_VOLFILE].write, reply, &said, error);
}

static enum gd2_status serve_job_progress(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                                       struct gd2_error *error)
{
	struct gd2_job_query *request = &conn->asked->job_query_message;
	struct gd2_answer *reply = &conn->answered->answer_message;
	struct gd2_error said = {0};
	int64_t deadline = gd2_now_ms() + frame->deadline_ms;
	int no;

	if (!handlers->job_progress)
		return unknown(conn, frame, error);
	if (conn->mode == GD2_MODE_JOIN)
		return refuse(conn, frame, GD2_E_JOIN_ONLY, "job.progress can't be used before the peer is a member of the pool", error);
	if (!gd2_read_job_query(frame->body.value, frame->body.len, request))
		return refuse(conn, frame, GD2_E_BAD_REQUEST, "job.progress: the body is not its request", error);
	memset(reply, 0, sizeof(*reply));
	no = handlers->job_progress(user, deadline, request, reply, &said);
	return answer(conn, frame, no, deadline, gd2_messages[GD2_N_ANSWER].write, reply, &said, error);
}

enum gd2_status gd2_dispatch(struct gd2_conn *conn, const struct gd2_frame *frame, const struct gd2_handlers *handlers, void *user,
                             struct gd2_error *error)
{
	switch (frame->kind) {
	case GD2_CALL:
		break;
	case GD2_NOTIFY:
		break;
	case GD2_CANCEL: /* calls are served one after the other: it is answered already */
	case GD2_REPLY:
	case GD2_ERROR: /* came after we gave up */
		return GD2_OK;
	default:
		return gd2_say(error, GD2_UNSOUND, "frame", "a frame that has no place after the handshake");
	}
	if (handlers) {
		switch (frame->method) {
		case GD2_M_RAFT_MESSAGE:
			if (frame->kind == GD2_NOTIFY)
				return serve_raft_message(conn, frame, handlers, user, error);
			break;
		case GD2_M_STORE_FORWARD:
			if (frame->kind == GD2_CALL)
				return serve_store_forward(conn, frame, handlers, user, error);
			break;
		case GD2_M_STORE_READ:
			if (frame->kind == GD2_CALL)
				return serve_store_read(conn, frame, handlers, user, error);
			break;
		case GD2_M_FOLLOW_OPEN:
			if (frame->kind == GD2_CALL)
				return serve_follow_open(conn, frame, handlers, user, error);
			break;
		case GD2_M_FOLLOW_FRAMES:
			if (frame->kind == GD2_NOTIFY)
				return serve_follow_frames(conn, frame, handlers, user, error);
			break;
		case GD2_M_FOLLOW_SNAPSHOT:
			if (frame->kind == GD2_CALL)
				return serve_follow_snapshot(conn, frame, handlers, user, error);
			break;
		case GD2_M_FOLLOW_STATE:
			if (frame->kind == GD2_NOTIFY)
				return serve_follow_state(conn, frame, handlers, user, error);
			break;
		case GD2_M_FOLLOW_LEASE:
			if (frame->kind == GD2_NOTIFY)
				return serve_follow_lease(conn, frame, handlers, user, error);
			break;
		case GD2_M_FOLLOW_HURRY:
			if (frame->kind == GD2_NOTIFY)
				return serve_follow_hurry(conn, frame, handlers, user, error);
			break;
		case GD2_M_COMMAND_RUN:
			if (frame->kind == GD2_CALL)
				return serve_command_run(conn, frame, handlers, user, error);
			break;
		case GD2_M_STEP_RUN:
			if (frame->kind == GD2_CALL)
				return serve_step_run(conn, frame, handlers, user, error);
			break;
		case GD2_M_JOIN_ASK:
			if (frame->kind == GD2_CALL)
				return serve_join_ask(conn, frame, handlers, user, error);
			break;
		case GD2_M_JOIN_INVITE:
			if (frame->kind == GD2_CALL)
				return serve_join_invite(conn, frame, handlers, user, error);
			break;
		case GD2_M_JOIN_REVOKE:
			if (frame->kind == GD2_CALL)
				return serve_join_revoke(conn, frame, handlers, user, error);
			break;
		case GD2_M_PEER_DISMISS:
			if (frame->kind == GD2_CALL)
				return serve_peer_dismiss(conn, frame, handlers, user, error);
			break;
		case GD2_M_PEER_STATE:
			if (frame->kind == GD2_CALL)
				return serve_peer_state(conn, frame, handlers, user, error);
			break;
		case GD2_M_PEER_RECOVERED:
			if (frame->kind == GD2_CALL)
				return serve_peer_recovered(conn, frame, handlers, user, error);
			break;
		case GD2_M_PEER_MOVED:
			if (frame->kind == GD2_CALL)
				return serve_peer_moved(conn, frame, handlers, user, error);
			break;
		case GD2_M_BRICKS_STATUS:
			if (frame->kind == GD2_CALL)
				return serve_bricks_status(conn, frame, handlers, user, error);
			break;
		case GD2_M_VOLUME_ASK:
			if (frame->kind == GD2_CALL)
				return serve_volume_ask(conn, frame, handlers, user, error);
			break;
		case GD2_M_VOLUME_VOLFILE:
			if (frame->kind == GD2_CALL)
				return serve_volume_volfile(conn, frame, handlers, user, error);
			break;
		case GD2_M_JOB_PROGRESS:
			if (frame->kind == GD2_CALL)
				return serve_job_progress(conn, frame, handlers, user, error);
			break;
		default:
			break;
		}
	}
	return frame->kind == GD2_CALL ? unknown(conn, frame, error) : GD2_OK;
}
