/*
 * Generated using zcbor version 0.9.1
 * https://github.com/NordicSemiconductor/zcbor
 * Generated with a --default-max-qty of 64
 */

#ifndef GD2_MESSAGES_ENCODE_H__
#define GD2_MESSAGES_ENCODE_H__

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "gd2_messages_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#if DEFAULT_MAX_QTY != 64
#error "The type file was generated with a different default_max_qty than this file"
#endif


int cbor_encode_gd2_hello_info(
		uint8_t *payload, size_t payload_len,
		const struct gd2_hello_info *input,
		size_t *payload_len_out);


int cbor_encode_gd2_raft_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_raft_message *input,
		size_t *payload_len_out);


int cbor_encode_gd2_empty(
		uint8_t *payload, size_t payload_len,
		const struct gd2_empty *input,
		size_t *payload_len_out);


int cbor_encode_gd2_forwarded(
		uint8_t *payload, size_t payload_len,
		const struct gd2_forwarded *input,
		size_t *payload_len_out);


int cbor_encode_gd2_answer(
		uint8_t *payload, size_t payload_len,
		const struct gd2_answer *input,
		size_t *payload_len_out);


int cbor_encode_gd2_follow_request(
		uint8_t *payload, size_t payload_len,
		const struct gd2_follow_request *input,
		size_t *payload_len_out);


int cbor_encode_gd2_follow_reply(
		uint8_t *payload, size_t payload_len,
		const struct gd2_follow_reply *input,
		size_t *payload_len_out);


int cbor_encode_gd2_frame_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_frame_message *input,
		size_t *payload_len_out);


int cbor_encode_gd2_frames(
		uint8_t *payload, size_t payload_len,
		const struct gd2_frames *input,
		size_t *payload_len_out);


int cbor_encode_gd2_snapshot_request(
		uint8_t *payload, size_t payload_len,
		const struct gd2_snapshot_request *input,
		size_t *payload_len_out);


int cbor_encode_gd2_snapshot_chunk(
		uint8_t *payload, size_t payload_len,
		const struct gd2_snapshot_chunk *input,
		size_t *payload_len_out);


int cbor_encode_gd2_pool_state(
		uint8_t *payload, size_t payload_len,
		const struct gd2_pool_state *input,
		size_t *payload_len_out);


int cbor_encode_gd2_lease(
		uint8_t *payload, size_t payload_len,
		const struct gd2_lease *input,
		size_t *payload_len_out);


int cbor_encode_gd2_expect_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_expect_message *input,
		size_t *payload_len_out);


int cbor_encode_gd2_command_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_command_message *input,
		size_t *payload_len_out);


int cbor_encode_gd2_done_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_done_message *input,
		size_t *payload_len_out);


int cbor_encode_gd2_step_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_step_message *input,
		size_t *payload_len_out);


int cbor_encode_gd2_step_reply(
		uint8_t *payload, size_t payload_len,
		const struct gd2_step_reply *input,
		size_t *payload_len_out);


int cbor_encode_gd2_ask_reply(
		uint8_t *payload, size_t payload_len,
		const struct gd2_ask_reply *input,
		size_t *payload_len_out);


int cbor_encode_gd2_invitation(
		uint8_t *payload, size_t payload_len,
		const struct gd2_invitation *input,
		size_t *payload_len_out);


int cbor_encode_gd2_revocation(
		uint8_t *payload, size_t payload_len,
		const struct gd2_revocation *input,
		size_t *payload_len_out);


int cbor_encode_gd2_notice(
		uint8_t *payload, size_t payload_len,
		const struct gd2_notice *input,
		size_t *payload_len_out);


int cbor_encode_gd2_peer_state(
		uint8_t *payload, size_t payload_len,
		const struct gd2_peer_state *input,
		size_t *payload_len_out);


int cbor_encode_gd2_recovered(
		uint8_t *payload, size_t payload_len,
		const struct gd2_recovered *input,
		size_t *payload_len_out);


int cbor_encode_gd2_moved(
		uint8_t *payload, size_t payload_len,
		const struct gd2_moved *input,
		size_t *payload_len_out);


int cbor_encode_gd2_volume_query(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volume_query *input,
		size_t *payload_len_out);


int cbor_encode_gd2_volume_ask(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volume_ask *input,
		size_t *payload_len_out);


int cbor_encode_gd2_volume_answer(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volume_answer *input,
		size_t *payload_len_out);


int cbor_encode_gd2_volfile_query(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volfile_query *input,
		size_t *payload_len_out);


int cbor_encode_gd2_volfile(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volfile *input,
		size_t *payload_len_out);


int cbor_encode_gd2_job_query(
		uint8_t *payload, size_t payload_len,
		const struct gd2_job_query *input,
		size_t *payload_len_out);


#ifdef __cplusplus
}
#endif

#endif /* GD2_MESSAGES_ENCODE_H__ */
