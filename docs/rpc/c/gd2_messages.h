/* Messages: the codecs that zcbor made, with what CDDL for zcbor leaves open. Written by gd2raft.rpc.codegen: do not edit.
 *
 * gd2_read_NAME: false unless the bytes are this message: within its limits, its fields in their order, unknown ones only after
 * all that are known. Fields that an older sender leaves out are set to their defaults, so every field may be used.
 * Texts and byte strings point into the bytes that were read.
 * gd2_write_NAME: bytes written, 0 when they don't fit or a field is past its limit. Every field is written: those with a default that
 * are not marked as present are set to it first.
 * A `struct` may be large (lists have room for their limits): not for the stack.
 */
#ifndef GD2_MESSAGES_H
#define GD2_MESSAGES_H

#include "gd2_messages_types.h"
#include "gd2_wire.h"

bool gd2_read_hello_info(const uint8_t *data, size_t bytes, struct gd2_hello_info *message);
size_t gd2_write_hello_info(uint8_t *out, size_t room, struct gd2_hello_info *message);
bool gd2_read_raft_message(const uint8_t *data, size_t bytes, struct gd2_raft_message *message);
size_t gd2_write_raft_message(uint8_t *out, size_t room, struct gd2_raft_message *message);
bool gd2_read_empty(const uint8_t *data, size_t bytes, struct gd2_empty *message);
size_t gd2_write_empty(uint8_t *out, size_t room, struct gd2_empty *message);
bool gd2_read_forwarded(const uint8_t *data, size_t bytes, struct gd2_forwarded *message);
size_t gd2_write_forwarded(uint8_t *out, size_t room, struct gd2_forwarded *message);
bool gd2_read_answer(const uint8_t *data, size_t bytes, struct gd2_answer *message);
size_t gd2_write_answer(uint8_t *out, size_t room, struct gd2_answer *message);
bool gd2_read_follow_request(const uint8_t *data, size_t bytes, struct gd2_follow_request *message);
size_t gd2_write_follow_request(uint8_t *out, size_t room, struct gd2_follow_request *message);
bool gd2_read_follow_reply(const uint8_t *data, size_t bytes, struct gd2_follow_reply *message);
size_t gd2_write_follow_reply(uint8_t *out, size_t room, struct gd2_follow_reply *message);
bool gd2_read_frame_message(const uint8_t *data, size_t bytes, struct gd2_frame_message *message);
size_t gd2_write_frame_message(uint8_t *out, size_t room, struct gd2_frame_message *message);
bool gd2_read_frames(const uint8_t *data, size_t bytes, struct gd2_frames *message);
size_t gd2_write_frames(uint8_t *out, size_t room, struct gd2_frames *message);
bool gd2_read_snapshot_request(const uint8_t *data, size_t bytes, struct gd2_snapshot_request *message);
size_t gd2_write_snapshot_request(uint8_t *out, size_t room, struct gd2_snapshot_request *message);
bool gd2_read_snapshot_chunk(const uint8_t *data, size_t bytes, struct gd2_snapshot_chunk *message);
size_t gd2_write_snapshot_chunk(uint8_t *out, size_t room, struct gd2_snapshot_chunk *message);
bool gd2_read_pool_state(const uint8_t *data, size_t bytes, struct gd2_pool_state *message);
size_t gd2_write_pool_state(uint8_t *out, size_t room, struct gd2_pool_state *message);
bool gd2_read_lease(const uint8_t *data, size_t bytes, struct gd2_lease *message);
size_t gd2_write_lease(uint8_t *out, size_t room, struct gd2_lease *message);
bool gd2_read_expect_message(const uint8_t *data, size_t bytes, struct gd2_expect_message *message);
size_t gd2_write_expect_message(uint8_t *out, size_t room, struct gd2_expect_message *message);
bool gd2_read_command_message(const uint8_t *data, size_t bytes, struct gd2_command_message *message);
size_t gd2_write_command_message(uint8_t *out, size_t room, struct gd2_command_message *message);
bool gd2_read_done_message(const uint8_t *data, size_t bytes, struct gd2_done_message *message);
size_t gd2_write_done_message(uint8_t *out, size_t room, struct gd2_done_message *message);
bool gd2_read_step_message(const uint8_t *data, size_t bytes, struct gd2_step_message *message);
size_t gd2_write_step_message(uint8_t *out, size_t room, struct gd2_step_message *message);
bool gd2_read_step_reply(const uint8_t *data, size_t bytes, struct gd2_step_reply *message);
size_t gd2_write_step_reply(uint8_t *out, size_t room, struct gd2_step_reply *message);
bool gd2_read_ask_reply(const uint8_t *data, size_t bytes, struct gd2_ask_reply *message);
size_t gd2_write_ask_reply(uint8_t *out, size_t room, struct gd2_ask_reply *message);
bool gd2_read_invitation(const uint8_t *data, size_t bytes, struct gd2_invitation *message);
size_t gd2_write_invitation(uint8_t *out, size_t room, struct gd2_invitation *message);
bool gd2_read_revocation(const uint8_t *data, size_t bytes, struct gd2_revocation *message);
size_t gd2_write_revocation(uint8_t *out, size_t room, struct gd2_revocation *message);
bool gd2_read_notice(const uint8_t *data, size_t bytes, struct gd2_notice *message);
size_t gd2_write_notice(uint8_t *out, size_t room, struct gd2_notice *message);
bool gd2_read_peer_state(const uint8_t *data, size_t bytes, struct gd2_peer_state *message);
size_t gd2_write_peer_state(uint8_t *out, size_t room, struct gd2_peer_state *message);
bool gd2_read_recovered(const uint8_t *data, size_t bytes, struct gd2_recovered *message);
size_t gd2_write_recovered(uint8_t *out, size_t room, struct gd2_recovered *message);
bool gd2_read_moved(const uint8_t *data, size_t bytes, struct gd2_moved *message);
size_t gd2_write_moved(uint8_t *out, size_t room, struct gd2_moved *message);
bool gd2_read_volume_query(const uint8_t *data, size_t bytes, struct gd2_volume_query *message);
size_t gd2_write_volume_query(uint8_t *out, size_t room, struct gd2_volume_query *message);
bool gd2_read_volume_ask(const uint8_t *data, size_t bytes, struct gd2_volume_ask *message);
size_t gd2_write_volume_ask(uint8_t *out, size_t room, struct gd2_volume_ask *message);
bool gd2_read_volume_answer(const uint8_t *data, size_t bytes, struct gd2_volume_answer *message);
size_t gd2_write_volume_answer(uint8_t *out, size_t room, struct gd2_volume_answer *message);
bool gd2_read_volfile_query(const uint8_t *data, size_t bytes, struct gd2_volfile_query *message);
size_t gd2_write_volfile_query(uint8_t *out, size_t room, struct gd2_volfile_query *message);
bool gd2_read_volfile(const uint8_t *data, size_t bytes, struct gd2_volfile *message);
size_t gd2_write_volfile(uint8_t *out, size_t room, struct gd2_volfile *message);
bool gd2_read_job_query(const uint8_t *data, size_t bytes, struct gd2_job_query *message);
size_t gd2_write_job_query(uint8_t *out, size_t room, struct gd2_job_query *message);

typedef bool (*gd2_reader)(const uint8_t *data, size_t bytes, void *message);
typedef size_t (*gd2_writer)(uint8_t *out, size_t room, void *message);

/* All of them, for programs that treat them alike. */
struct gd2_message {
	const char *name;
	size_t struct_bytes;
	gd2_reader read;
	gd2_writer write;
};

enum gd2_message_number {
	GD2_N_HELLO_INFO,
	GD2_N_RAFT_MESSAGE,
	GD2_N_EMPTY,
	GD2_N_FORWARDED,
	GD2_N_ANSWER,
	GD2_N_FOLLOW_REQUEST,
	GD2_N_FOLLOW_REPLY,
	GD2_N_FRAME_MESSAGE,
	GD2_N_FRAMES,
	GD2_N_SNAPSHOT_REQUEST,
	GD2_N_SNAPSHOT_CHUNK,
	GD2_N_POOL_STATE,
	GD2_N_LEASE,
	GD2_N_EXPECT_MESSAGE,
	GD2_N_COMMAND_MESSAGE,
	GD2_N_DONE_MESSAGE,
	GD2_N_STEP_MESSAGE,
	GD2_N_STEP_REPLY,
	GD2_N_ASK_REPLY,
	GD2_N_INVITATION,
	GD2_N_REVOCATION,
	GD2_N_NOTICE,
	GD2_N_PEER_STATE,
	GD2_N_RECOVERED,
	GD2_N_MOVED,
	GD2_N_VOLUME_QUERY,
	GD2_N_VOLUME_ASK,
	GD2_N_VOLUME_ANSWER,
	GD2_N_VOLFILE_QUERY,
	GD2_N_VOLFILE,
	GD2_N_JOB_QUERY,
};

#define GD2_MESSAGES 31
extern const struct gd2_message gd2_messages[GD2_MESSAGES];

/* Room for any of them. */
union gd2_any_message {
	struct gd2_hello_info hello_info_message;
	struct gd2_raft_message raft_message_message;
	struct gd2_empty empty_message;
	struct gd2_forwarded forwarded_message;
	struct gd2_answer answer_message;
	struct gd2_follow_request follow_request_message;
	struct gd2_follow_reply follow_reply_message;
	struct gd2_frame_message frame_message_message;
	struct gd2_frames frames_message;
	struct gd2_snapshot_request snapshot_request_message;
	struct gd2_snapshot_chunk snapshot_chunk_message;
	struct gd2_pool_state pool_state_message;
	struct gd2_lease lease_message;
	struct gd2_expect_message expect_message_message;
	struct gd2_command_message command_message_message;
	struct gd2_done_message done_message_message;
	struct gd2_step_message step_message_message;
	struct gd2_step_reply step_reply_message;
	struct gd2_ask_reply ask_reply_message;
	struct gd2_invitation invitation_message;
	struct gd2_revocation revocation_message;
	struct gd2_notice notice_message;
	struct gd2_peer_state peer_state_message;
	struct gd2_recovered recovered_message;
	struct gd2_moved moved_message;
	struct gd2_volume_query volume_query_message;
	struct gd2_volume_ask volume_ask_message;
	struct gd2_volume_answer volume_answer_message;
	struct gd2_volfile_query volfile_query_message;
	struct gd2_volfile volfile_message;
	struct gd2_job_query job_query_message;
};

#endif
