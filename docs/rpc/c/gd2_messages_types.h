/*
 * Generated using zcbor version 0.9.1
 * https://github.com/NordicSemiconductor/zcbor
 * Generated with a --default-max-qty of 64
 */

#ifndef GD2_MESSAGES_TYPES_H__
#define GD2_MESSAGES_TYPES_H__

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <zcbor_common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which value for --default-max-qty this file was created with.
 *
 *  The define is used in the other generated file to do a build-time
 *  compatibility check.
 *
 *  See `zcbor --help` for more information about --default-max-qty
 */
#define DEFAULT_MAX_QTY 64

struct gd2_hello_info {
	struct zcbor_string peer_id;
	struct zcbor_string pool_id;
	uint64_t op_version;
	bool op_version_present;
	struct zcbor_string software;
	bool software_present;
	uint64_t roles;
	bool roles_present;
	struct zcbor_string address;
	bool address_present;
	uint64_t op_version_max;
	bool op_version_max_present;
	struct zcbor_string instance;
	bool instance_present;
	size_t unknown_count;
};

struct gd2_raft_message {
	struct zcbor_string payload;
	size_t unknown_count;
};

struct gd2_empty {
	size_t unknown_count;
};

struct gd2_forwarded {
	struct zcbor_string payload;
	uint64_t timeout_ms;
	size_t unknown_count;
};

struct gd2_answer {
	struct zcbor_string payload;
	size_t unknown_count;
};

struct gd2_follow_request {
	uint64_t index;
	uint64_t term;
	bool frames;
	uint64_t member_since;
	size_t unknown_count;
};

struct gd2_follow_reply {
	struct zcbor_string verdict;
	struct zcbor_string leader;
	bool leader_present;
	struct zcbor_string leader_address;
	bool leader_address_present;
	size_t unknown_count;
};

struct gd2_frame_message {
	struct zcbor_string command;
	uint64_t index;
	uint64_t term;
	size_t unknown_count;
};

struct gd2_snapshot_request {
	uint64_t number_field;
	size_t unknown_count;
};

struct gd2_snapshot_chunk {
	struct zcbor_string data;
	bool last;
	struct zcbor_string meta;
	bool meta_present;
	size_t unknown_count;
};

struct gd2_expect_message {
	struct zcbor_string key;
	uint64_t revision;
	size_t unknown_count;
};

struct gd2_step_message {
	struct zcbor_string transaction;
	uint64_t revision;
	struct zcbor_string kind;
	struct zcbor_string arguments;
	bool undo;
	struct zcbor_string request_id;
	uint64_t timeout_ms;
	size_t unknown_count;
};

struct gd2_step_reply {
	struct zcbor_string facts;
	struct zcbor_string error;
	struct zcbor_string hint;
	bool away;
	bool away_present;
	size_t unknown_count;
};

struct gd2_revocation {
	struct zcbor_string pool_id;
	struct zcbor_string peer_id;
	size_t unknown_count;
};

struct gd2_notice {
	struct zcbor_string code;
	struct zcbor_string peer_id;
	struct zcbor_string what;
	size_t unknown_count;
};

struct gd2_recovered {
	struct zcbor_string former;
	struct zcbor_string pool_id;
	struct zcbor_string by;
	size_t unknown_count;
};

struct gd2_moved {
	struct zcbor_string address;
	size_t unknown_count;
};

struct gd2_volume_query {
	struct zcbor_string volume;
	size_t unknown_count;
};

struct gd2_volume_ask {
	struct zcbor_string volume;
	struct zcbor_string ask;
	struct zcbor_string arguments;
	size_t unknown_count;
};

struct gd2_volume_answer {
	struct zcbor_string payload;
	struct zcbor_string error;
	size_t unknown_count;
};

struct gd2_volfile_query {
	struct zcbor_string volume;
	struct zcbor_string known;
	bool known_present;
	uint64_t wait_ms;
	bool wait_ms_present;
	size_t unknown_count;
};

struct gd2_volfile {
	struct zcbor_string digest;
	uint64_t revision;
	struct zcbor_string volfile;
	size_t unknown_count;
};

struct gd2_job_query {
	struct zcbor_string job;
	size_t unknown_count;
};

struct gd2_pool_state_voters {
	struct zcbor_string items[1024];
	size_t items_count;
};

struct gd2_pool_state_online_value {
	struct zcbor_string items[16384];
	size_t items_count;
};

struct gd2_pool_state_came {
	struct zcbor_string items[16384];
	size_t items_count;
};

struct gd2_pool_state_went {
	struct zcbor_string items[16384];
	size_t items_count;
};

struct gd2_pool_state {
	struct zcbor_string leader;
	uint64_t term;
	bool quorum;
	struct gd2_pool_state_voters voters;
	union {
		struct gd2_pool_state_online_value gd2_pool_state_online_value_m;
	};
	enum {
		gd2_pool_state_online_value_m_c,
		gd2_pool_state_online_null_m_c,
	} online_choice;
	struct gd2_pool_state_came came;
	bool came_present;
	struct gd2_pool_state_went went;
	bool went_present;
	uint64_t depth;
	bool depth_present;
	size_t unknown_count;
};

struct gd2_lease_below_value {
	struct zcbor_string items[16384];
	size_t items_count;
};

struct gd2_lease_came {
	struct zcbor_string items[16384];
	size_t items_count;
};

struct gd2_lease_went {
	struct zcbor_string items[16384];
	size_t items_count;
};

struct gd2_lease {
	uint64_t index;
	union {
		struct gd2_lease_below_value gd2_lease_below_value_m;
	};
	enum {
		gd2_lease_below_value_m_c,
		gd2_lease_below_null_m_c,
	} below_choice;
	struct gd2_lease_came came;
	bool came_present;
	struct gd2_lease_went went;
	bool went_present;
	size_t unknown_count;
};

struct gd2_done_message_warnings {
	struct zcbor_string items[16384];
	size_t items_count;
};

struct gd2_done_message {
	uint64_t revision;
	struct zcbor_string result;
	struct gd2_done_message_warnings warnings;
	size_t unknown_count;
};

struct gd2_ask_reply_steps {
	struct zcbor_string items[1024];
	size_t items_count;
};

struct gd2_ask_reply_hooks {
	struct zcbor_string items[1024];
	size_t items_count;
};

struct gd2_ask_reply {
	struct zcbor_string peer_id;
	struct zcbor_string pool_id;
	uint64_t client_port;
	struct zcbor_string zone;
	uint64_t op_version_min;
	uint64_t op_version_max;
	struct gd2_ask_reply_steps steps;
	struct zcbor_string refusal;
	struct zcbor_string client_host;
	bool client_host_present;
	uint64_t peer_port;
	bool peer_port_present;
	struct zcbor_string store;
	bool store_present;
	struct gd2_ask_reply_hooks hooks;
	bool hooks_present;
	size_t unknown_count;
};

struct gd2_invitation_seeds {
	struct zcbor_string items[16384];
	size_t items_count;
};

struct gd2_invitation {
	struct zcbor_string pool_id;
	struct zcbor_string pool_key;
	struct zcbor_string secret;
	struct gd2_invitation_seeds seeds;
	struct zcbor_string address;
	struct zcbor_string peer_id;
	struct zcbor_string store;
	bool store_present;
	size_t unknown_count;
};

struct gd2_frames_frames {
	struct gd2_frame_message items[65536];
	size_t items_count;
};

struct gd2_frames {
	struct gd2_frames_frames frames;
	size_t unknown_count;
};

struct gd2_command_message_expect {
	struct gd2_expect_message items[8192];
	size_t items_count;
};

struct gd2_command_message {
	struct zcbor_string id;
	struct zcbor_string command;
	struct zcbor_string request;
	struct zcbor_string initiator;
	struct zcbor_string request_id;
	struct zcbor_string user;
	uint64_t timeout_ms;
	struct zcbor_string digest;
	struct gd2_command_message_expect expect;
	bool expect_present;
	size_t unknown_count;
};

struct gd2_peer_state_notices {
	struct gd2_notice items[64];
	size_t items_count;
};

struct gd2_peer_state {
	struct zcbor_string role;
	uint64_t index;
	uint64_t term;
	uint64_t revision;
	bool disk_full;
	bool disk_full_present;
	struct gd2_peer_state_notices notices;
	bool notices_present;
	size_t unknown_count;
};

#ifdef __cplusplus
}
#endif

#endif /* GD2_MESSAGES_TYPES_H__ */
