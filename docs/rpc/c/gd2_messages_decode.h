/*
 * Generated using zcbor version 0.9.1
 * https://github.com/NordicSemiconductor/zcbor
 * Generated with a --default-max-qty of 64
 */

#ifndef GD2_MESSAGES_DECODE_H__
#define GD2_MESSAGES_DECODE_H__

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


int cbor_decode_gd2_hello_info(
		const uint8_t *payload, size_t payload_len,
		struct gd2_hello_info *result,
		size_t *payload_len_out);


int cbor_decode_gd2_raft_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_raft_message *result,
		size_t *payload_len_out);


int cbor_decode_gd2_empty(
		const uint8_t *payload, size_t payload_len,
		struct gd2_empty *result,
		size_t *payload_len_out);


int cbor_decode_gd2_forwarded(
		const uint8_t *payload, size_t payload_len,
		struct gd2_forwarded *result,
		size_t *payload_len_out);


int cbor_decode_gd2_answer(
		const uint8_t *payload, size_t payload_len,
		struct gd2_answer *result,
		size_t *payload_len_out);


int cbor_decode_gd2_follow_request(
		const uint8_t *payload, size_t payload_len,
		struct gd2_follow_request *result,
		size_t *payload_len_out);


int cbor_decode_gd2_follow_reply(
		const uint8_t *payload, size_t payload_len,
		struct gd2_follow_reply *result,
		size_t *payload_len_out);


int cbor_decode_gd2_frame_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_frame_message *result,
		size_t *payload_len_out);


int cbor_decode_gd2_frames(
		const uint8_t *payload, size_t payload_len,
		struct gd2_frames *result,
		size_t *payload_len_out);


int cbor_decode_gd2_snapshot_request(
		const uint8_t *payload, size_t payload_len,
		struct gd2_snapshot_request *result,
		size_t *payload_len_out);


int cbor_decode_gd2_snapshot_chunk(
		const uint8_t *payload, size_t payload_len,
		struct gd2_snapshot_chunk *result,
		size_t *payload_len_out);


int cbor_decode_gd2_pool_state(
		const uint8_t *payload, size_t payload_len,
		struct gd2_pool_state *result,
		size_t *payload_len_out);


int cbor_decode_gd2_lease(
		const uint8_t *payload, size_t payload_len,
		struct gd2_lease *result,
		size_t *payload_len_out);


int cbor_decode_gd2_expect_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_expect_message *result,
		size_t *payload_len_out);


int cbor_decode_gd2_command_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_command_message *result,
		size_t *payload_len_out);


int cbor_decode_gd2_done_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_done_message *result,
		size_t *payload_len_out);


int cbor_decode_gd2_step_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_step_message *result,
		size_t *payload_len_out);


int cbor_decode_gd2_step_reply(
		const uint8_t *payload, size_t payload_len,
		struct gd2_step_reply *result,
		size_t *payload_len_out);


int cbor_decode_gd2_ask_reply(
		const uint8_t *payload, size_t payload_len,
		struct gd2_ask_reply *result,
		size_t *payload_len_out);


int cbor_decode_gd2_invitation(
		const uint8_t *payload, size_t payload_len,
		struct gd2_invitation *result,
		size_t *payload_len_out);


int cbor_decode_gd2_revocation(
		const uint8_t *payload, size_t payload_len,
		struct gd2_revocation *result,
		size_t *payload_len_out);


int cbor_decode_gd2_notice(
		const uint8_t *payload, size_t payload_len,
		struct gd2_notice *result,
		size_t *payload_len_out);


int cbor_decode_gd2_peer_state(
		const uint8_t *payload, size_t payload_len,
		struct gd2_peer_state *result,
		size_t *payload_len_out);


int cbor_decode_gd2_recovered(
		const uint8_t *payload, size_t payload_len,
		struct gd2_recovered *result,
		size_t *payload_len_out);


int cbor_decode_gd2_moved(
		const uint8_t *payload, size_t payload_len,
		struct gd2_moved *result,
		size_t *payload_len_out);


int cbor_decode_gd2_volume_query(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volume_query *result,
		size_t *payload_len_out);


int cbor_decode_gd2_volume_ask(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volume_ask *result,
		size_t *payload_len_out);


int cbor_decode_gd2_volume_answer(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volume_answer *result,
		size_t *payload_len_out);


int cbor_decode_gd2_volfile_query(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volfile_query *result,
		size_t *payload_len_out);


int cbor_decode_gd2_volfile(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volfile *result,
		size_t *payload_len_out);


int cbor_decode_gd2_job_query(
		const uint8_t *payload, size_t payload_len,
		struct gd2_job_query *result,
		size_t *payload_len_out);


#ifdef __cplusplus
}
#endif

#endif /* GD2_MESSAGES_DECODE_H__ */
