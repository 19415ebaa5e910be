/* See gd2_messages.h. Written by gd2raft.rpc.codegen: do not edit. */
#include "gd2_messages.h"

#include <string.h>

#include "gd2_messages_decode.h"
#include "gd2_messages_encode.h"

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_hello_info(struct gd2_hello_info *m, bool strict)
{
	if (gd2_characters(&m->peer_id) > 255)
		return false;
	if (gd2_characters(&m->pool_id) > 255)
		return false;
	if (!m->op_version_present) {
		if (strict && (m->software_present || m->roles_present || m->address_present || m->op_version_max_present || m->instance_present || m->unknown_count))
			return false;
		m->op_version = 0;
		m->op_version_present = true;
	}
	if (!m->software_present) {
		if (strict && (m->roles_present || m->address_present || m->op_version_max_present || m->instance_present || m->unknown_count))
			return false;
		m->software = gd2_text("");
		m->software_present = true;
	} else if (gd2_characters(&m->software) > 255) {
		return false;
	}
	if (!m->roles_present) {
		if (strict && (m->address_present || m->op_version_max_present || m->instance_present || m->unknown_count))
			return false;
		m->roles = 0;
		m->roles_present = true;
	}
	if (!m->address_present) {
		if (strict && (m->op_version_max_present || m->instance_present || m->unknown_count))
			return false;
		m->address = gd2_text("");
		m->address_present = true;
	} else if (gd2_characters(&m->address) > 255) {
		return false;
	}
	if (!m->op_version_max_present) {
		if (strict && (m->instance_present || m->unknown_count))
			return false;
		m->op_version_max = 0;
		m->op_version_max_present = true;
	}
	if (!m->instance_present) {
		if (strict && (m->unknown_count))
			return false;
		m->instance = gd2_text("");
		m->instance_present = true;
	} else if (gd2_characters(&m->instance) > 255) {
		return false;
	}
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_hello_info(const uint8_t *data, size_t bytes, struct gd2_hello_info *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_hello_info(data, bytes, message, &taken) && taken == bytes &&
	       complete_hello_info(message, true);
}

size_t gd2_write_hello_info(uint8_t *out, size_t room, struct gd2_hello_info *message)
{
	size_t made = 0;

	if (!complete_hello_info(message, false) || cbor_encode_gd2_hello_info(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_raft_message(struct gd2_raft_message *m, bool strict)
{
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_raft_message(const uint8_t *data, size_t bytes, struct gd2_raft_message *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_raft_message(data, bytes, message, &taken) && taken == bytes &&
	       complete_raft_message(message, true);
}

size_t gd2_write_raft_message(uint8_t *out, size_t room, struct gd2_raft_message *message)
{
	size_t made = 0;

	if (!complete_raft_message(message, false) || cbor_encode_gd2_raft_message(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_empty(struct gd2_empty *m, bool strict)
{
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_empty(const uint8_t *data, size_t bytes, struct gd2_empty *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_empty(data, bytes, message, &taken) && taken == bytes &&
	       complete_empty(message, true);
}

size_t gd2_write_empty(uint8_t *out, size_t room, struct gd2_empty *message)
{
	size_t made = 0;

	if (!complete_empty(message, false) || cbor_encode_gd2_empty(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_forwarded(struct gd2_forwarded *m, bool strict)
{
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_forwarded(const uint8_t *data, size_t bytes, struct gd2_forwarded *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_forwarded(data, bytes, message, &taken) && taken == bytes &&
	       complete_forwarded(message, true);
}

size_t gd2_write_forwarded(uint8_t *out, size_t room, struct gd2_forwarded *message)
{
	size_t made = 0;

	if (!complete_forwarded(message, false) || cbor_encode_gd2_forwarded(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_answer(struct gd2_answer *m, bool strict)
{
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_answer(const uint8_t *data, size_t bytes, struct gd2_answer *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_answer(data, bytes, message, &taken) && taken == bytes &&
	       complete_answer(message, true);
}

size_t gd2_write_answer(uint8_t *out, size_t room, struct gd2_answer *message)
{
	size_t made = 0;

	if (!complete_answer(message, false) || cbor_encode_gd2_answer(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_follow_request(struct gd2_follow_request *m, bool strict)
{
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_follow_request(const uint8_t *data, size_t bytes, struct gd2_follow_request *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_follow_request(data, bytes, message, &taken) && taken == bytes &&
	       complete_follow_request(message, true);
}

size_t gd2_write_follow_request(uint8_t *out, size_t room, struct gd2_follow_request *message)
{
	size_t made = 0;

	if (!complete_follow_request(message, false) || cbor_encode_gd2_follow_request(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_follow_reply(struct gd2_follow_reply *m, bool strict)
{
	if (gd2_characters(&m->verdict) > 255)
		return false;
	if (!m->leader_present) {
		if (strict && (m->leader_address_present || m->unknown_count))
			return false;
		m->leader = gd2_text("");
		m->leader_present = true;
	} else if (gd2_characters(&m->leader) > 255) {
		return false;
	}
	if (!m->leader_address_present) {
		if (strict && (m->unknown_count))
			return false;
		m->leader_address = gd2_text("");
		m->leader_address_present = true;
	} else if (gd2_characters(&m->leader_address) > 255) {
		return false;
	}
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_follow_reply(const uint8_t *data, size_t bytes, struct gd2_follow_reply *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_follow_reply(data, bytes, message, &taken) && taken == bytes &&
	       complete_follow_reply(message, true);
}

size_t gd2_write_follow_reply(uint8_t *out, size_t room, struct gd2_follow_reply *message)
{
	size_t made = 0;

	if (!complete_follow_reply(message, false) || cbor_encode_gd2_follow_reply(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_frame_message(struct gd2_frame_message *m, bool strict)
{
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_frame_message(const uint8_t *data, size_t bytes, struct gd2_frame_message *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_frame_message(data, bytes, message, &taken) && taken == bytes &&
	       complete_frame_message(message, true);
}

size_t gd2_write_frame_message(uint8_t *out, size_t room, struct gd2_frame_message *message)
{
	size_t made = 0;

	if (!complete_frame_message(message, false) || cbor_encode_gd2_frame_message(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_frames(struct gd2_frames *m, bool strict)
{
	for (size_t i = 0; i < m->frames.items_count; i++)
		if (!complete_frame_message(&m->frames.items[i], strict))
			return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_frames(const uint8_t *data, size_t bytes, struct gd2_frames *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_frames(data, bytes, message, &taken) && taken == bytes &&
	       complete_frames(message, true);
}

size_t gd2_write_frames(uint8_t *out, size_t room, struct gd2_frames *message)
{
	size_t made = 0;

	if (!complete_frames(message, false) || cbor_encode_gd2_frames(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_snapshot_request(struct gd2_snapshot_request *m, bool strict)
{
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_snapshot_request(const uint8_t *data, size_t bytes, struct gd2_snapshot_request *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_snapshot_request(data, bytes, message, &taken) && taken == bytes &&
	       complete_snapshot_request(message, true);
}

size_t gd2_write_snapshot_request(uint8_t *out, size_t room, struct gd2_snapshot_request *message)
{
	size_t made = 0;

	if (!complete_snapshot_request(message, false) || cbor_encode_gd2_snapshot_request(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_snapshot_chunk(struct gd2_snapshot_chunk *m, bool strict)
{
	if (!m->meta_present) {
		if (strict && (m->unknown_count))
			return false;
		m->meta = (struct zcbor_string){.value = (const uint8_t *)"", .len = 0};
		m->meta_present = true;
	}
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_snapshot_chunk(const uint8_t *data, size_t bytes, struct gd2_snapshot_chunk *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_snapshot_chunk(data, bytes, message, &taken) && taken == bytes &&
	       complete_snapshot_chunk(message, true);
}

size_t gd2_write_snapshot_chunk(uint8_t *out, size_t room, struct gd2_snapshot_chunk *message)
{
	size_t made = 0;

	if (!complete_snapshot_chunk(message, false) || cbor_encode_gd2_snapshot_chunk(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_pool_state(struct gd2_pool_state *m, bool strict)
{
	if (gd2_characters(&m->leader) > 255)
		return false;
	if (!m->came_present) {
		if (strict && (m->went_present || m->depth_present || m->unknown_count))
			return false;
		m->came.items_count = 0;
		m->came_present = true;
	}
	if (!m->went_present) {
		if (strict && (m->depth_present || m->unknown_count))
			return false;
		m->went.items_count = 0;
		m->went_present = true;
	}
	if (!m->depth_present) {
		if (strict && (m->unknown_count))
			return false;
		m->depth = 0;
		m->depth_present = true;
	}
	for (size_t i = 0; i < m->voters.items_count; i++)
		if (gd2_characters(&m->voters.items[i]) > 255)
			return false;
	if (m->online_choice == gd2_pool_state_online_value_m_c)
		for (size_t i = 0; i < m->gd2_pool_state_online_value_m.items_count; i++)
			if (gd2_characters(&m->gd2_pool_state_online_value_m.items[i]) > 255)
				return false;
	for (size_t i = 0; i < m->came.items_count; i++)
		if (gd2_characters(&m->came.items[i]) > 255)
			return false;
	for (size_t i = 0; i < m->went.items_count; i++)
		if (gd2_characters(&m->went.items[i]) > 255)
			return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_pool_state(const uint8_t *data, size_t bytes, struct gd2_pool_state *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_pool_state(data, bytes, message, &taken) && taken == bytes &&
	       complete_pool_state(message, true);
}

size_t gd2_write_pool_state(uint8_t *out, size_t room, struct gd2_pool_state *message)
{
	size_t made = 0;

	if (!complete_pool_state(message, false) || cbor_encode_gd2_pool_state(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_lease(struct gd2_lease *m, bool strict)
{
	if (!m->came_present) {
		if (strict && (m->went_present || m->unknown_count))
			return false;
		m->came.items_count = 0;
		m->came_present = true;
	}
	if (!m->went_present) {
		if (strict && (m->unknown_count))
			return false;
		m->went.items_count = 0;
		m->went_present = true;
	}
	if (m->below_choice == gd2_lease_below_value_m_c)
		for (size_t i = 0; i < m->gd2_lease_below_value_m.items_count; i++)
			if (gd2_characters(&m->gd2_lease_below_value_m.items[i]) > 255)
				return false;
	for (size_t i = 0; i < m->came.items_count; i++)
		if (gd2_characters(&m->came.items[i]) > 255)
			return false;
	for (size_t i = 0; i < m->went.items_count; i++)
		if (gd2_characters(&m->went.items[i]) > 255)
			return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_lease(const uint8_t *data, size_t bytes, struct gd2_lease *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_lease(data, bytes, message, &taken) && taken == bytes &&
	       complete_lease(message, true);
}

size_t gd2_write_lease(uint8_t *out, size_t room, struct gd2_lease *message)
{
	size_t made = 0;

	if (!complete_lease(message, false) || cbor_encode_gd2_lease(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_expect_message(struct gd2_expect_message *m, bool strict)
{
	if (gd2_characters(&m->key) > 8192)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_expect_message(const uint8_t *data, size_t bytes, struct gd2_expect_message *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_expect_message(data, bytes, message, &taken) && taken == bytes &&
	       complete_expect_message(message, true);
}

size_t gd2_write_expect_message(uint8_t *out, size_t room, struct gd2_expect_message *message)
{
	size_t made = 0;

	if (!complete_expect_message(message, false) || cbor_encode_gd2_expect_message(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_command_message(struct gd2_command_message *m, bool strict)
{
	if (gd2_characters(&m->id) > 1024)
		return false;
	if (gd2_characters(&m->command) > 255)
		return false;
	if (gd2_characters(&m->initiator) > 255)
		return false;
	if (gd2_characters(&m->request_id) > 1024)
		return false;
	if (gd2_characters(&m->user) > 1024)
		return false;
	if (gd2_characters(&m->digest) > 255)
		return false;
	if (!m->expect_present) {
		if (strict && (m->unknown_count))
			return false;
		m->expect.items_count = 0;
		m->expect_present = true;
	}
	for (size_t i = 0; i < m->expect.items_count; i++)
		if (!complete_expect_message(&m->expect.items[i], strict))
			return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_command_message(const uint8_t *data, size_t bytes, struct gd2_command_message *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_command_message(data, bytes, message, &taken) && taken == bytes &&
	       complete_command_message(message, true);
}

size_t gd2_write_command_message(uint8_t *out, size_t room, struct gd2_command_message *message)
{
	size_t made = 0;

	if (!complete_command_message(message, false) || cbor_encode_gd2_command_message(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_done_message(struct gd2_done_message *m, bool strict)
{
	for (size_t i = 0; i < m->warnings.items_count; i++)
		if (gd2_characters(&m->warnings.items[i]) > 8192)
			return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_done_message(const uint8_t *data, size_t bytes, struct gd2_done_message *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_done_message(data, bytes, message, &taken) && taken == bytes &&
	       complete_done_message(message, true);
}

size_t gd2_write_done_message(uint8_t *out, size_t room, struct gd2_done_message *message)
{
	size_t made = 0;

	if (!complete_done_message(message, false) || cbor_encode_gd2_done_message(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_step_message(struct gd2_step_message *m, bool strict)
{
	if (gd2_characters(&m->transaction) > 1024)
		return false;
	if (gd2_characters(&m->kind) > 255)
		return false;
	if (gd2_characters(&m->request_id) > 1024)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_step_message(const uint8_t *data, size_t bytes, struct gd2_step_message *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_step_message(data, bytes, message, &taken) && taken == bytes &&
	       complete_step_message(message, true);
}

size_t gd2_write_step_message(uint8_t *out, size_t room, struct gd2_step_message *message)
{
	size_t made = 0;

	if (!complete_step_message(message, false) || cbor_encode_gd2_step_message(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_step_reply(struct gd2_step_reply *m, bool strict)
{
	if (gd2_characters(&m->error) > 8192)
		return false;
	if (gd2_characters(&m->hint) > 8192)
		return false;
	if (!m->away_present) {
		if (strict && (m->unknown_count))
			return false;
		m->away = false;
		m->away_present = true;
	}
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_step_reply(const uint8_t *data, size_t bytes, struct gd2_step_reply *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_step_reply(data, bytes, message, &taken) && taken == bytes &&
	       complete_step_reply(message, true);
}

size_t gd2_write_step_reply(uint8_t *out, size_t room, struct gd2_step_reply *message)
{
	size_t made = 0;

	if (!complete_step_reply(message, false) || cbor_encode_gd2_step_reply(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_ask_reply(struct gd2_ask_reply *m, bool strict)
{
	if (gd2_characters(&m->peer_id) > 255)
		return false;
	if (gd2_characters(&m->pool_id) > 255)
		return false;
	if (gd2_characters(&m->zone) > 255)
		return false;
	if (gd2_characters(&m->refusal) > 8192)
		return false;
	if (!m->client_host_present) {
		if (strict && (m->peer_port_present || m->store_present || m->hooks_present || m->unknown_count))
			return false;
		m->client_host = gd2_text("");
		m->client_host_present = true;
	} else if (gd2_characters(&m->client_host) > 255) {
		return false;
	}
	if (!m->peer_port_present) {
		if (strict && (m->store_present || m->hooks_present || m->unknown_count))
			return false;
		m->peer_port = 0;
		m->peer_port_present = true;
	}
	if (!m->store_present) {
		if (strict && (m->hooks_present || m->unknown_count))
			return false;
		m->store = gd2_text("raft");
		m->store_present = true;
	} else if (gd2_characters(&m->store) > 255) {
		return false;
	}
	if (!m->hooks_present) {
		if (strict && (m->unknown_count))
			return false;
		m->hooks.items_count = 0;
		m->hooks_present = true;
	}
	for (size_t i = 0; i < m->steps.items_count; i++)
		if (gd2_characters(&m->steps.items[i]) > 255)
			return false;
	for (size_t i = 0; i < m->hooks.items_count; i++)
		if (gd2_characters(&m->hooks.items[i]) > 255)
			return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_ask_reply(const uint8_t *data, size_t bytes, struct gd2_ask_reply *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_ask_reply(data, bytes, message, &taken) && taken == bytes &&
	       complete_ask_reply(message, true);
}

size_t gd2_write_ask_reply(uint8_t *out, size_t room, struct gd2_ask_reply *message)
{
	size_t made = 0;

	if (!complete_ask_reply(message, false) || cbor_encode_gd2_ask_reply(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_invitation(struct gd2_invitation *m, bool strict)
{
	if (gd2_characters(&m->pool_id) > 255)
		return false;
	if (gd2_characters(&m->address) > 255)
		return false;
	if (gd2_characters(&m->peer_id) > 255)
		return false;
	if (!m->store_present) {
		if (strict && (m->unknown_count))
			return false;
		m->store = gd2_text("raft");
		m->store_present = true;
	} else if (gd2_characters(&m->store) > 255) {
		return false;
	}
	for (size_t i = 0; i < m->seeds.items_count; i++)
		if (gd2_characters(&m->seeds.items[i]) > 255)
			return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_invitation(const uint8_t *data, size_t bytes, struct gd2_invitation *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_invitation(data, bytes, message, &taken) && taken == bytes &&
	       complete_invitation(message, true);
}

size_t gd2_write_invitation(uint8_t *out, size_t room, struct gd2_invitation *message)
{
	size_t made = 0;

	if (!complete_invitation(message, false) || cbor_encode_gd2_invitation(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_revocation(struct gd2_revocation *m, bool strict)
{
	if (gd2_characters(&m->pool_id) > 255)
		return false;
	if (gd2_characters(&m->peer_id) > 255)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_revocation(const uint8_t *data, size_t bytes, struct gd2_revocation *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_revocation(data, bytes, message, &taken) && taken == bytes &&
	       complete_revocation(message, true);
}

size_t gd2_write_revocation(uint8_t *out, size_t room, struct gd2_revocation *message)
{
	size_t made = 0;

	if (!complete_revocation(message, false) || cbor_encode_gd2_revocation(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_notice(struct gd2_notice *m, bool strict)
{
	if (gd2_characters(&m->code) > 255)
		return false;
	if (gd2_characters(&m->peer_id) > 255)
		return false;
	if (gd2_characters(&m->what) > 8192)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_notice(const uint8_t *data, size_t bytes, struct gd2_notice *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_notice(data, bytes, message, &taken) && taken == bytes &&
	       complete_notice(message, true);
}

size_t gd2_write_notice(uint8_t *out, size_t room, struct gd2_notice *message)
{
	size_t made = 0;

	if (!complete_notice(message, false) || cbor_encode_gd2_notice(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_peer_state(struct gd2_peer_state *m, bool strict)
{
	if (gd2_characters(&m->role) > 255)
		return false;
	if (!m->disk_full_present) {
		if (strict && (m->notices_present || m->unknown_count))
			return false;
		m->disk_full = false;
		m->disk_full_present = true;
	}
	if (!m->notices_present) {
		if (strict && (m->unknown_count))
			return false;
		m->notices.items_count = 0;
		m->notices_present = true;
	}
	for (size_t i = 0; i < m->notices.items_count; i++)
		if (!complete_notice(&m->notices.items[i], strict))
			return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_peer_state(const uint8_t *data, size_t bytes, struct gd2_peer_state *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_peer_state(data, bytes, message, &taken) && taken == bytes &&
	       complete_peer_state(message, true);
}

size_t gd2_write_peer_state(uint8_t *out, size_t room, struct gd2_peer_state *message)
{
	size_t made = 0;

	if (!complete_peer_state(message, false) || cbor_encode_gd2_peer_state(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_recovered(struct gd2_recovered *m, bool strict)
{
	if (gd2_characters(&m->former) > 255)
		return false;
	if (gd2_characters(&m->pool_id) > 255)
		return false;
	if (gd2_characters(&m->by) > 255)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_recovered(const uint8_t *data, size_t bytes, struct gd2_recovered *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_recovered(data, bytes, message, &taken) && taken == bytes &&
	       complete_recovered(message, true);
}

size_t gd2_write_recovered(uint8_t *out, size_t room, struct gd2_recovered *message)
{
	size_t made = 0;

	if (!complete_recovered(message, false) || cbor_encode_gd2_recovered(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_moved(struct gd2_moved *m, bool strict)
{
	if (gd2_characters(&m->address) > 255)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_moved(const uint8_t *data, size_t bytes, struct gd2_moved *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_moved(data, bytes, message, &taken) && taken == bytes &&
	       complete_moved(message, true);
}

size_t gd2_write_moved(uint8_t *out, size_t room, struct gd2_moved *message)
{
	size_t made = 0;

	if (!complete_moved(message, false) || cbor_encode_gd2_moved(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_volume_query(struct gd2_volume_query *m, bool strict)
{
	if (gd2_characters(&m->volume) > 255)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_volume_query(const uint8_t *data, size_t bytes, struct gd2_volume_query *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_volume_query(data, bytes, message, &taken) && taken == bytes &&
	       complete_volume_query(message, true);
}

size_t gd2_write_volume_query(uint8_t *out, size_t room, struct gd2_volume_query *message)
{
	size_t made = 0;

	if (!complete_volume_query(message, false) || cbor_encode_gd2_volume_query(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_volume_ask(struct gd2_volume_ask *m, bool strict)
{
	if (gd2_characters(&m->volume) > 255)
		return false;
	if (gd2_characters(&m->ask) > 255)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_volume_ask(const uint8_t *data, size_t bytes, struct gd2_volume_ask *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_volume_ask(data, bytes, message, &taken) && taken == bytes &&
	       complete_volume_ask(message, true);
}

size_t gd2_write_volume_ask(uint8_t *out, size_t room, struct gd2_volume_ask *message)
{
	size_t made = 0;

	if (!complete_volume_ask(message, false) || cbor_encode_gd2_volume_ask(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_volume_answer(struct gd2_volume_answer *m, bool strict)
{
	if (gd2_characters(&m->error) > 8192)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_volume_answer(const uint8_t *data, size_t bytes, struct gd2_volume_answer *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_volume_answer(data, bytes, message, &taken) && taken == bytes &&
	       complete_volume_answer(message, true);
}

size_t gd2_write_volume_answer(uint8_t *out, size_t room, struct gd2_volume_answer *message)
{
	size_t made = 0;

	if (!complete_volume_answer(message, false) || cbor_encode_gd2_volume_answer(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_volfile_query(struct gd2_volfile_query *m, bool strict)
{
	if (gd2_characters(&m->volume) > 255)
		return false;
	if (!m->known_present) {
		if (strict && (m->wait_ms_present || m->unknown_count))
			return false;
		m->known = gd2_text("");
		m->known_present = true;
	} else if (gd2_characters(&m->known) > 255) {
		return false;
	}
	if (!m->wait_ms_present) {
		if (strict && (m->unknown_count))
			return false;
		m->wait_ms = 0;
		m->wait_ms_present = true;
	}
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_volfile_query(const uint8_t *data, size_t bytes, struct gd2_volfile_query *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_volfile_query(data, bytes, message, &taken) && taken == bytes &&
	       complete_volfile_query(message, true);
}

size_t gd2_write_volfile_query(uint8_t *out, size_t room, struct gd2_volfile_query *message)
{
	size_t made = 0;

	if (!complete_volfile_query(message, false) || cbor_encode_gd2_volfile_query(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_volfile(struct gd2_volfile *m, bool strict)
{
	if (gd2_characters(&m->digest) > 255)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_volfile(const uint8_t *data, size_t bytes, struct gd2_volfile *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_volfile(data, bytes, message, &taken) && taken == bytes &&
	       complete_volfile(message, true);
}

size_t gd2_write_volfile(uint8_t *out, size_t room, struct gd2_volfile *message)
{
	size_t made = 0;

	if (!complete_volfile(message, false) || cbor_encode_gd2_volfile(out, room, message, &made))
		return 0;
	return made;
}

/* Left out: the default. `strict`: a known field after one that is left out, or an unknown one, is not this message. */
static bool complete_job_query(struct gd2_job_query *m, bool strict)
{
	if (gd2_characters(&m->job) > 255)
		return false;
	(void)strict;
	m->unknown_count = 0;
	return true;
}

bool gd2_read_job_query(const uint8_t *data, size_t bytes, struct gd2_job_query *message)
{
	size_t taken = 0;

	return gd2_sound(data, bytes, GD2_DEPTH_MAX) && !cbor_decode_gd2_job_query(data, bytes, message, &taken) && taken == bytes &&
	       complete_job_query(message, true);
}

size_t gd2_write_job_query(uint8_t *out, size_t room, struct gd2_job_query *message)
{
	size_t made = 0;

	if (!complete_job_query(message, false) || cbor_encode_gd2_job_query(out, room, message, &made))
		return 0;
	return made;
}

/* Called by way of a table: with the type that the table's users know. */
static bool read_hello_info(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_hello_info(data, bytes, message);
}

static size_t write_hello_info(uint8_t *out, size_t room, void *message)
{
	return gd2_write_hello_info(out, room, message);
}

static bool read_raft_message(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_raft_message(data, bytes, message);
}

static size_t write_raft_message(uint8_t *out, size_t room, void *message)
{
	return gd2_write_raft_message(out, room, message);
}

static bool read_empty(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_empty(data, bytes, message);
}

static size_t write_empty(uint8_t *out, size_t room, void *message)
{
	return gd2_write_empty(out, room, message);
}

static bool read_forwarded(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_forwarded(data, bytes, message);
}

static size_t write_forwarded(uint8_t *out, size_t room, void *message)
{
	return gd2_write_forwarded(out, room, message);
}

static bool read_answer(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_answer(data, bytes, message);
}

static size_t write_answer(uint8_t *out, size_t room, void *message)
{
	return gd2_write_answer(out, room, message);
}

static bool read_follow_request(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_follow_request(data, bytes, message);
}

static size_t write_follow_request(uint8_t *out, size_t room, void *message)
{
	return gd2_write_follow_request(out, room, message);
}

static bool read_follow_reply(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_follow_reply(data, bytes, message);
}

static size_t write_follow_reply(uint8_t *out, size_t room, void *message)
{
	return gd2_write_follow_reply(out, room, message);
}

static bool read_frame_message(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_frame_message(data, bytes, message);
}

static size_t write_frame_message(uint8_t *out, size_t room, void *message)
{
	return gd2_write_frame_message(out, room, message);
}

static bool read_frames(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_frames(data, bytes, message);
}

static size_t write_frames(uint8_t *out, size_t room, void *message)
{
	return gd2_write_frames(out, room, message);
}

static bool read_snapshot_request(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_snapshot_request(data, bytes, message);
}

static size_t write_snapshot_request(uint8_t *out, size_t room, void *message)
{
	return gd2_write_snapshot_request(out, room, message);
}

static bool read_snapshot_chunk(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_snapshot_chunk(data, bytes, message);
}

static size_t write_snapshot_chunk(uint8_t *out, size_t room, void *message)
{
	return gd2_write_snapshot_chunk(out, room, message);
}

static bool read_pool_state(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_pool_state(data, bytes, message);
}

static size_t write_pool_state(uint8_t *out, size_t room, void *message)
{
	return gd2_write_pool_state(out, room, message);
}

static bool read_lease(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_lease(data, bytes, message);
}

static size_t write_lease(uint8_t *out, size_t room, void *message)
{
	return gd2_write_lease(out, room, message);
}

static bool read_expect_message(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_expect_message(data, bytes, message);
}

static size_t write_expect_message(uint8_t *out, size_t room, void *message)
{
	return gd2_write_expect_message(out, room, message);
}

static bool read_command_message(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_command_message(data, bytes, message);
}

static size_t write_command_message(uint8_t *out, size_t room, void *message)
{
	return gd2_write_command_message(out, room, message);
}

static bool read_done_message(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_done_message(data, bytes, message);
}

static size_t write_done_message(uint8_t *out, size_t room, void *message)
{
	return gd2_write_done_message(out, room, message);
}

static bool read_step_message(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_step_message(data, bytes, message);
}

static size_t write_step_message(uint8_t *out, size_t room, void *message)
{
	return gd2_write_step_message(out, room, message);
}

static bool read_step_reply(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_step_reply(data, bytes, message);
}

static size_t write_step_reply(uint8_t *out, size_t room, void *message)
{
	return gd2_write_step_reply(out, room, message);
}

static bool read_ask_reply(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_ask_reply(data, bytes, message);
}

static size_t write_ask_reply(uint8_t *out, size_t room, void *message)
{
	return gd2_write_ask_reply(out, room, message);
}

static bool read_invitation(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_invitation(data, bytes, message);
}

static size_t write_invitation(uint8_t *out, size_t room, void *message)
{
	return gd2_write_invitation(out, room, message);
}

static bool read_revocation(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_revocation(data, bytes, message);
}

static size_t write_revocation(uint8_t *out, size_t room, void *message)
{
	return gd2_write_revocation(out, room, message);
}

static bool read_notice(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_notice(data, bytes, message);
}

static size_t write_notice(uint8_t *out, size_t room, void *message)
{
	return gd2_write_notice(out, room, message);
}

static bool read_peer_state(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_peer_state(data, bytes, message);
}

static size_t write_peer_state(uint8_t *out, size_t room, void *message)
{
	return gd2_write_peer_state(out, room, message);
}

static bool read_recovered(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_recovered(data, bytes, message);
}

static size_t write_recovered(uint8_t *out, size_t room, void *message)
{
	return gd2_write_recovered(out, room, message);
}

static bool read_moved(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_moved(data, bytes, message);
}

static size_t write_moved(uint8_t *out, size_t room, void *message)
{
	return gd2_write_moved(out, room, message);
}

static bool read_volume_query(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_volume_query(data, bytes, message);
}

static size_t write_volume_query(uint8_t *out, size_t room, void *message)
{
	return gd2_write_volume_query(out, room, message);
}

static bool read_volume_ask(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_volume_ask(data, bytes, message);
}

static size_t write_volume_ask(uint8_t *out, size_t room, void *message)
{
	return gd2_write_volume_ask(out, room, message);
}

static bool read_volume_answer(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_volume_answer(data, bytes, message);
}

static size_t write_volume_answer(uint8_t *out, size_t room, void *message)
{
	return gd2_write_volume_answer(out, room, message);
}

static bool read_volfile_query(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_volfile_query(data, bytes, message);
}

static size_t write_volfile_query(uint8_t *out, size_t room, void *message)
{
	return gd2_write_volfile_query(out, room, message);
}

static bool read_volfile(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_volfile(data, bytes, message);
}

static size_t write_volfile(uint8_t *out, size_t room, void *message)
{
	return gd2_write_volfile(out, room, message);
}

static bool read_job_query(const uint8_t *data, size_t bytes, void *message)
{
	return gd2_read_job_query(data, bytes, message);
}

static size_t write_job_query(uint8_t *out, size_t room, void *message)
{
	return gd2_write_job_query(out, room, message);
}

const struct gd2_message gd2_messages[GD2_MESSAGES] = {
	{"hello-info", sizeof(struct gd2_hello_info), read_hello_info, write_hello_info},
	{"raft-message", sizeof(struct gd2_raft_message), read_raft_message, write_raft_message},
	{"empty", sizeof(struct gd2_empty), read_empty, write_empty},
	{"forwarded", sizeof(struct gd2_forwarded), read_forwarded, write_forwarded},
	{"answer", sizeof(struct gd2_answer), read_answer, write_answer},
	{"follow-request", sizeof(struct gd2_follow_request), read_follow_request, write_follow_request},
	{"follow-reply", sizeof(struct gd2_follow_reply), read_follow_reply, write_follow_reply},
	{"frame-message", sizeof(struct gd2_frame_message), read_frame_message, write_frame_message},
	{"frames", sizeof(struct gd2_frames), read_frames, write_frames},
	{"snapshot-request", sizeof(struct gd2_snapshot_request), read_snapshot_request, write_snapshot_request},
	{"snapshot-chunk", sizeof(struct gd2_snapshot_chunk), read_snapshot_chunk, write_snapshot_chunk},
	{"pool-state", sizeof(struct gd2_pool_state), read_pool_state, write_pool_state},
	{"lease", sizeof(struct gd2_lease), read_lease, write_lease},
	{"expect-message", sizeof(struct gd2_expect_message), read_expect_message, write_expect_message},
	{"command-message", sizeof(struct gd2_command_message), read_command_message, write_command_message},
	{"done-message", sizeof(struct gd2_done_message), read_done_message, write_done_message},
	{"step-message", sizeof(struct gd2_step_message), read_step_message, write_step_message},
	{"step-reply", sizeof(struct gd2_step_reply), read_step_reply, write_step_reply},
	{"ask-reply", sizeof(struct gd2_ask_reply), read_ask_reply, write_ask_reply},
	{"invitation", sizeof(struct gd2_invitation), read_invitation, write_invitation},
	{"revocation", sizeof(struct gd2_revocation), read_revocation, write_revocation},
	{"notice", sizeof(struct gd2_notice), read_notice, write_notice},
	{"peer-state", sizeof(struct gd2_peer_state), read_peer_state, write_peer_state},
	{"recovered", sizeof(struct gd2_recovered), read_recovered, write_recovered},
	{"moved", sizeof(struct gd2_moved), read_moved, write_moved},
	{"volume-query", sizeof(struct gd2_volume_query), read_volume_query, write_volume_query},
	{"volume-ask", sizeof(struct gd2_volume_ask), read_volume_ask, write_volume_ask},
	{"volume-answer", sizeof(struct gd2_volume_answer), read_volume_answer, write_volume_answer},
	{"volfile-query", sizeof(struct gd2_volfile_query), read_volfile_query, write_volfile_query},
	{"volfile", sizeof(struct gd2_volfile), read_volfile, write_volfile},
	{"job-query", sizeof(struct gd2_job_query), read_job_query, write_job_query},
};
