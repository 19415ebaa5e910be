/*
 * Generated using zcbor version 0.9.1
 * https://github.com/NordicSemiconductor/zcbor
 * Generated with a --default-max-qty of 64
 */

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "zcbor_encode.h"
#include "gd2_messages_encode.h"
#include "zcbor_print.h"

#if DEFAULT_MAX_QTY != 64
#error "The type file was generated with a different default_max_qty than this file"
#endif

#define log_result(state, result, func) do { \
	if (!result) { \
		zcbor_trace_file(state); \
		zcbor_log("%s error: %s\r\n", func, zcbor_error_str(zcbor_peek_error(state))); \
	} else { \
		zcbor_log("%s success\r\n", func); \
	} \
} while(0)

static bool encode_repeated_gd2_hello_info_op_version(zcbor_state_t *state, const uint64_t *input);
static bool encode_repeated_gd2_hello_info_software(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_repeated_gd2_hello_info_roles(zcbor_state_t *state, const uint64_t *input);
static bool encode_repeated_gd2_hello_info_address(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_repeated_gd2_hello_info_op_version_max(zcbor_state_t *state, const uint64_t *input);
static bool encode_repeated_gd2_hello_info_instance(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_repeated_gd2_follow_reply_leader(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_repeated_gd2_follow_reply_leader_address(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_repeated_gd2_snapshot_chunk_meta(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_repeated_gd2_volfile_query_known(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_repeated_gd2_volfile_query_wait_ms(zcbor_state_t *state, const uint64_t *input);
static bool encode_repeated_gd2_pool_state_voters_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_pool_state_voters(zcbor_state_t *state, const struct gd2_pool_state_voters *input);
static bool encode_repeated_gd2_pool_state_online_value_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_pool_state_online_value(zcbor_state_t *state, const struct gd2_pool_state_online_value *input);
static bool encode_repeated_gd2_pool_state_came_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_pool_state_came(zcbor_state_t *state, const struct gd2_pool_state_came *input);
static bool encode_repeated_gd2_pool_state_went_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_pool_state_went(zcbor_state_t *state, const struct gd2_pool_state_went *input);
static bool encode_repeated_gd2_pool_state_depth(zcbor_state_t *state, const uint64_t *input);
static bool encode_repeated_gd2_lease_below_value_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_lease_below_value(zcbor_state_t *state, const struct gd2_lease_below_value *input);
static bool encode_repeated_gd2_lease_came_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_lease_came(zcbor_state_t *state, const struct gd2_lease_came *input);
static bool encode_repeated_gd2_lease_went_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_lease_went(zcbor_state_t *state, const struct gd2_lease_went *input);
static bool encode_repeated_gd2_done_message_warnings_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_done_message_warnings(zcbor_state_t *state, const struct gd2_done_message_warnings *input);
static bool encode_repeated_gd2_ask_reply_steps_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_ask_reply_steps(zcbor_state_t *state, const struct gd2_ask_reply_steps *input);
static bool encode_repeated_gd2_ask_reply_client_host(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_repeated_gd2_ask_reply_peer_port(zcbor_state_t *state, const uint64_t *input);
static bool encode_repeated_gd2_ask_reply_store(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_repeated_gd2_ask_reply_hooks_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_ask_reply_hooks(zcbor_state_t *state, const struct gd2_ask_reply_hooks *input);
static bool encode_repeated_gd2_invitation_seeds_items(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_invitation_seeds(zcbor_state_t *state, const struct gd2_invitation_seeds *input);
static bool encode_repeated_gd2_invitation_store(zcbor_state_t *state, const struct zcbor_string *input);
static bool encode_gd2_frames_frames(zcbor_state_t *state, const struct gd2_frames_frames *input);
static bool encode_gd2_command_message_expect(zcbor_state_t *state, const struct gd2_command_message_expect *input);
static bool encode_gd2_peer_state_notices(zcbor_state_t *state, const struct gd2_peer_state_notices *input);
static bool encode_gd2_job_query(zcbor_state_t *state, const struct gd2_job_query *input);
static bool encode_gd2_volfile(zcbor_state_t *state, const struct gd2_volfile *input);
static bool encode_gd2_volfile_query(zcbor_state_t *state, const struct gd2_volfile_query *input);
static bool encode_gd2_volume_answer(zcbor_state_t *state, const struct gd2_volume_answer *input);
static bool encode_gd2_volume_ask(zcbor_state_t *state, const struct gd2_volume_ask *input);
static bool encode_gd2_volume_query(zcbor_state_t *state, const struct gd2_volume_query *input);
static bool encode_gd2_moved(zcbor_state_t *state, const struct gd2_moved *input);
static bool encode_gd2_recovered(zcbor_state_t *state, const struct gd2_recovered *input);
static bool encode_gd2_peer_state(zcbor_state_t *state, const struct gd2_peer_state *input);
static bool encode_gd2_notice(zcbor_state_t *state, const struct gd2_notice *input);
static bool encode_gd2_revocation(zcbor_state_t *state, const struct gd2_revocation *input);
static bool encode_gd2_invitation(zcbor_state_t *state, const struct gd2_invitation *input);
static bool encode_gd2_ask_reply(zcbor_state_t *state, const struct gd2_ask_reply *input);
static bool encode_gd2_step_reply(zcbor_state_t *state, const struct gd2_step_reply *input);
static bool encode_gd2_step_message(zcbor_state_t *state, const struct gd2_step_message *input);
static bool encode_gd2_done_message(zcbor_state_t *state, const struct gd2_done_message *input);
static bool encode_gd2_command_message(zcbor_state_t *state, const struct gd2_command_message *input);
static bool encode_gd2_expect_message(zcbor_state_t *state, const struct gd2_expect_message *input);
static bool encode_gd2_lease(zcbor_state_t *state, const struct gd2_lease *input);
static bool encode_gd2_pool_state(zcbor_state_t *state, const struct gd2_pool_state *input);
static bool encode_gd2_snapshot_chunk(zcbor_state_t *state, const struct gd2_snapshot_chunk *input);
static bool encode_gd2_snapshot_request(zcbor_state_t *state, const struct gd2_snapshot_request *input);
static bool encode_gd2_frames(zcbor_state_t *state, const struct gd2_frames *input);
static bool encode_gd2_frame_message(zcbor_state_t *state, const struct gd2_frame_message *input);
static bool encode_gd2_follow_reply(zcbor_state_t *state, const struct gd2_follow_reply *input);
static bool encode_gd2_follow_request(zcbor_state_t *state, const struct gd2_follow_request *input);
static bool encode_gd2_answer(zcbor_state_t *state, const struct gd2_answer *input);
static bool encode_gd2_forwarded(zcbor_state_t *state, const struct gd2_forwarded *input);
static bool encode_gd2_empty(zcbor_state_t *state, const struct gd2_empty *input);
static bool encode_gd2_raft_message(zcbor_state_t *state, const struct gd2_raft_message *input);
static bool encode_gd2_hello_info(zcbor_state_t *state, const struct gd2_hello_info *input);


static bool encode_repeated_gd2_hello_info_op_version(
		zcbor_state_t *state, const uint64_t *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input) <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_hello_info_software(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_hello_info_roles(
		zcbor_state_t *state, const uint64_t *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input) <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_hello_info_address(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_hello_info_op_version_max(
		zcbor_state_t *state, const uint64_t *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input) <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_hello_info_instance(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_follow_reply_leader(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_follow_reply_leader_address(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_snapshot_chunk_meta(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 65536)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_volfile_query_known(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_volfile_query_wait_ms(
		zcbor_state_t *state, const uint64_t *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input) <= 60000)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_pool_state_voters_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_pool_state_voters(
		zcbor_state_t *state, const struct gd2_pool_state_voters *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 1024) && ((zcbor_multi_encode_minmax(0, 1024, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_pool_state_voters_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 1024))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_pool_state_online_value_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_pool_state_online_value(
		zcbor_state_t *state, const struct gd2_pool_state_online_value *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 16384) && ((zcbor_multi_encode_minmax(0, 16384, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_pool_state_online_value_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 16384))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_pool_state_came_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_pool_state_came(
		zcbor_state_t *state, const struct gd2_pool_state_came *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 16384) && ((zcbor_multi_encode_minmax(0, 16384, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_pool_state_came_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 16384))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_pool_state_went_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_pool_state_went(
		zcbor_state_t *state, const struct gd2_pool_state_went *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 16384) && ((zcbor_multi_encode_minmax(0, 16384, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_pool_state_went_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 16384))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_pool_state_depth(
		zcbor_state_t *state, const uint64_t *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input) <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_lease_below_value_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_lease_below_value(
		zcbor_state_t *state, const struct gd2_lease_below_value *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 16384) && ((zcbor_multi_encode_minmax(0, 16384, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_lease_below_value_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 16384))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_lease_came_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_lease_came(
		zcbor_state_t *state, const struct gd2_lease_came *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 16384) && ((zcbor_multi_encode_minmax(0, 16384, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_lease_came_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 16384))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_lease_went_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_lease_went(
		zcbor_state_t *state, const struct gd2_lease_went *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 16384) && ((zcbor_multi_encode_minmax(0, 16384, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_lease_went_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 16384))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_done_message_warnings_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_done_message_warnings(
		zcbor_state_t *state, const struct gd2_done_message_warnings *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 16384) && ((zcbor_multi_encode_minmax(0, 16384, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_done_message_warnings_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 16384))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_ask_reply_steps_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_ask_reply_steps(
		zcbor_state_t *state, const struct gd2_ask_reply_steps *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 1024) && ((zcbor_multi_encode_minmax(0, 1024, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_ask_reply_steps_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 1024))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_ask_reply_client_host(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_ask_reply_peer_port(
		zcbor_state_t *state, const uint64_t *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input) <= UINT16_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_ask_reply_store(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_ask_reply_hooks_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_ask_reply_hooks(
		zcbor_state_t *state, const struct gd2_ask_reply_hooks *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 1024) && ((zcbor_multi_encode_minmax(0, 1024, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_ask_reply_hooks_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 1024))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_invitation_seeds_items(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_invitation_seeds(
		zcbor_state_t *state, const struct gd2_invitation_seeds *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 16384) && ((zcbor_multi_encode_minmax(0, 16384, &(*input).items_count, (zcbor_encoder_t *)encode_repeated_gd2_invitation_seeds_items, state, (*&(*input).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 16384))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_repeated_gd2_invitation_store(
		zcbor_state_t *state, const struct zcbor_string *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = ((((((*input).len >= 0)
	&& ((*input).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input))))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_frames_frames(
		zcbor_state_t *state, const struct gd2_frames_frames *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 65536) && ((zcbor_multi_encode_minmax(0, 65536, &(*input).items_count, (zcbor_encoder_t *)encode_gd2_frame_message, state, (*&(*input).items), sizeof(struct gd2_frame_message))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 65536))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_command_message_expect(
		zcbor_state_t *state, const struct gd2_command_message_expect *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 8192) && ((zcbor_multi_encode_minmax(0, 8192, &(*input).items_count, (zcbor_encoder_t *)encode_gd2_expect_message, state, (*&(*input).items), sizeof(struct gd2_expect_message))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 8192))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_peer_state_notices(
		zcbor_state_t *state, const struct gd2_peer_state_notices *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 64) && ((zcbor_multi_encode_minmax(0, 64, &(*input).items_count, (zcbor_encoder_t *)encode_gd2_notice, state, (*&(*input).items), sizeof(struct gd2_notice))) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 64))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_job_query(
		zcbor_state_t *state, const struct gd2_job_query *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 65) && (((((((*input).job.len >= 0)
	&& ((*input).job.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).job))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 65))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_volfile(
		zcbor_state_t *state, const struct gd2_volfile *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 67) && (((((((*input).digest.len >= 0)
	&& ((*input).digest.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).digest))))
	&& (((((*input).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).revision))))
	&& (((((*input).volfile.len >= 0)
	&& ((*input).volfile.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).volfile))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 67))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_volfile_query(
		zcbor_state_t *state, const struct gd2_volfile_query *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 67) && (((((((*input).volume.len >= 0)
	&& ((*input).volume.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).volume))))
	&& (!(*input).known_present || encode_repeated_gd2_volfile_query_known(state, (&(*input).known)))
	&& (!(*input).wait_ms_present || encode_repeated_gd2_volfile_query_wait_ms(state, (&(*input).wait_ms)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 67))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_volume_answer(
		zcbor_state_t *state, const struct gd2_volume_answer *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 66) && (((((((*input).payload.len >= 0)
	&& ((*input).payload.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).payload))))
	&& (((((*input).error.len >= 0)
	&& ((*input).error.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).error))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 66))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_volume_ask(
		zcbor_state_t *state, const struct gd2_volume_ask *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 67) && (((((((*input).volume.len >= 0)
	&& ((*input).volume.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).volume))))
	&& (((((*input).ask.len >= 0)
	&& ((*input).ask.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).ask))))
	&& (((((*input).arguments.len >= 0)
	&& ((*input).arguments.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).arguments))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 67))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_volume_query(
		zcbor_state_t *state, const struct gd2_volume_query *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 65) && (((((((*input).volume.len >= 0)
	&& ((*input).volume.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).volume))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 65))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_moved(
		zcbor_state_t *state, const struct gd2_moved *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 65) && (((((((*input).address.len >= 0)
	&& ((*input).address.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).address))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 65))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_recovered(
		zcbor_state_t *state, const struct gd2_recovered *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 67) && (((((((*input).former.len >= 0)
	&& ((*input).former.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).former))))
	&& (((((*input).pool_id.len >= 0)
	&& ((*input).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).pool_id))))
	&& (((((*input).by.len >= 0)
	&& ((*input).by.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).by))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 67))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_peer_state(
		zcbor_state_t *state, const struct gd2_peer_state *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 70) && (((((((*input).role.len >= 0)
	&& ((*input).role.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).role))))
	&& (((((*input).index <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).index))))
	&& (((((*input).term <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).term))))
	&& (((((*input).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).revision))))
	&& (!(*input).disk_full_present || zcbor_bool_encode(state, (&(*input).disk_full)))
	&& (!(*input).notices_present || encode_gd2_peer_state_notices(state, (&(*input).notices)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 70))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_notice(
		zcbor_state_t *state, const struct gd2_notice *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 67) && (((((((*input).code.len >= 0)
	&& ((*input).code.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).code))))
	&& (((((*input).peer_id.len >= 0)
	&& ((*input).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).peer_id))))
	&& (((((*input).what.len >= 0)
	&& ((*input).what.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).what))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 67))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_revocation(
		zcbor_state_t *state, const struct gd2_revocation *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 66) && (((((((*input).pool_id.len >= 0)
	&& ((*input).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).pool_id))))
	&& (((((*input).peer_id.len >= 0)
	&& ((*input).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).peer_id))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 66))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_invitation(
		zcbor_state_t *state, const struct gd2_invitation *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 71) && (((((((*input).pool_id.len >= 0)
	&& ((*input).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).pool_id))))
	&& (((((*input).pool_key.len >= 0)
	&& ((*input).pool_key.len <= 1024)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).pool_key))))
	&& (((((*input).secret.len >= 0)
	&& ((*input).secret.len <= 1024)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).secret))))
	&& ((encode_gd2_invitation_seeds(state, (&(*input).seeds))))
	&& (((((*input).address.len >= 0)
	&& ((*input).address.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).address))))
	&& (((((*input).peer_id.len >= 0)
	&& ((*input).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).peer_id))))
	&& (!(*input).store_present || encode_repeated_gd2_invitation_store(state, (&(*input).store)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 71))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_ask_reply(
		zcbor_state_t *state, const struct gd2_ask_reply *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 76) && (((((((*input).peer_id.len >= 0)
	&& ((*input).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).peer_id))))
	&& (((((*input).pool_id.len >= 0)
	&& ((*input).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).pool_id))))
	&& (((((*input).client_port <= UINT16_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).client_port))))
	&& (((((*input).zone.len >= 0)
	&& ((*input).zone.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).zone))))
	&& (((((*input).op_version_min <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).op_version_min))))
	&& (((((*input).op_version_max <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).op_version_max))))
	&& ((encode_gd2_ask_reply_steps(state, (&(*input).steps))))
	&& (((((*input).refusal.len >= 0)
	&& ((*input).refusal.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).refusal))))
	&& (!(*input).client_host_present || encode_repeated_gd2_ask_reply_client_host(state, (&(*input).client_host)))
	&& (!(*input).peer_port_present || encode_repeated_gd2_ask_reply_peer_port(state, (&(*input).peer_port)))
	&& (!(*input).store_present || encode_repeated_gd2_ask_reply_store(state, (&(*input).store)))
	&& (!(*input).hooks_present || encode_gd2_ask_reply_hooks(state, (&(*input).hooks)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 76))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_step_reply(
		zcbor_state_t *state, const struct gd2_step_reply *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 68) && (((((((*input).facts.len >= 0)
	&& ((*input).facts.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).facts))))
	&& (((((*input).error.len >= 0)
	&& ((*input).error.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).error))))
	&& (((((*input).hint.len >= 0)
	&& ((*input).hint.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).hint))))
	&& (!(*input).away_present || zcbor_bool_encode(state, (&(*input).away)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 68))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_step_message(
		zcbor_state_t *state, const struct gd2_step_message *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 71) && (((((((*input).transaction.len >= 0)
	&& ((*input).transaction.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).transaction))))
	&& (((((*input).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).revision))))
	&& (((((*input).kind.len >= 0)
	&& ((*input).kind.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).kind))))
	&& (((((*input).arguments.len >= 0)
	&& ((*input).arguments.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).arguments))))
	&& ((zcbor_bool_encode(state, (&(*input).undo))))
	&& (((((*input).request_id.len >= 0)
	&& ((*input).request_id.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).request_id))))
	&& (((((*input).timeout_ms <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).timeout_ms))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 71))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_done_message(
		zcbor_state_t *state, const struct gd2_done_message *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 67) && (((((((*input).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).revision))))
	&& (((((*input).result.len >= 0)
	&& ((*input).result.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).result))))
	&& ((encode_gd2_done_message_warnings(state, (&(*input).warnings))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 67))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_command_message(
		zcbor_state_t *state, const struct gd2_command_message *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 73) && (((((((*input).id.len >= 0)
	&& ((*input).id.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).id))))
	&& (((((*input).command.len >= 0)
	&& ((*input).command.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).command))))
	&& (((((*input).request.len >= 0)
	&& ((*input).request.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).request))))
	&& (((((*input).initiator.len >= 0)
	&& ((*input).initiator.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).initiator))))
	&& (((((*input).request_id.len >= 0)
	&& ((*input).request_id.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).request_id))))
	&& (((((*input).user.len >= 0)
	&& ((*input).user.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).user))))
	&& (((((*input).timeout_ms <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).timeout_ms))))
	&& (((((*input).digest.len >= 0)
	&& ((*input).digest.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).digest))))
	&& (!(*input).expect_present || encode_gd2_command_message_expect(state, (&(*input).expect)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 73))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_expect_message(
		zcbor_state_t *state, const struct gd2_expect_message *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 66) && (((((((*input).key.len >= 0)
	&& ((*input).key.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).key))))
	&& (((((*input).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).revision))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 66))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_lease(
		zcbor_state_t *state, const struct gd2_lease *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 68) && (((((((*input).index <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).index))))
	&& ((((*input).below_choice == gd2_lease_below_value_m_c) ? ((encode_gd2_lease_below_value(state, (&(*input).gd2_lease_below_value_m))))
	: (((*input).below_choice == gd2_lease_below_null_m_c) ? ((zcbor_nil_put(state, NULL)))
	: false)))
	&& (!(*input).came_present || encode_gd2_lease_came(state, (&(*input).came)))
	&& (!(*input).went_present || encode_gd2_lease_went(state, (&(*input).went)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 68))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_pool_state(
		zcbor_state_t *state, const struct gd2_pool_state *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 72) && (((((((*input).leader.len >= 0)
	&& ((*input).leader.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).leader))))
	&& (((((*input).term <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).term))))
	&& ((zcbor_bool_encode(state, (&(*input).quorum))))
	&& ((encode_gd2_pool_state_voters(state, (&(*input).voters))))
	&& ((((*input).online_choice == gd2_pool_state_online_value_m_c) ? ((encode_gd2_pool_state_online_value(state, (&(*input).gd2_pool_state_online_value_m))))
	: (((*input).online_choice == gd2_pool_state_online_null_m_c) ? ((zcbor_nil_put(state, NULL)))
	: false)))
	&& (!(*input).came_present || encode_gd2_pool_state_came(state, (&(*input).came)))
	&& (!(*input).went_present || encode_gd2_pool_state_went(state, (&(*input).went)))
	&& (!(*input).depth_present || encode_repeated_gd2_pool_state_depth(state, (&(*input).depth)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 72))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_snapshot_chunk(
		zcbor_state_t *state, const struct gd2_snapshot_chunk *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 67) && (((((((*input).data.len >= 0)
	&& ((*input).data.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).data))))
	&& ((zcbor_bool_encode(state, (&(*input).last))))
	&& (!(*input).meta_present || encode_repeated_gd2_snapshot_chunk_meta(state, (&(*input).meta)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 67))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_snapshot_request(
		zcbor_state_t *state, const struct gd2_snapshot_request *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 65) && (((((((*input).number_field <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).number_field))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 65))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_frames(
		zcbor_state_t *state, const struct gd2_frames *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 65) && ((((encode_gd2_frames_frames(state, (&(*input).frames))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 65))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_frame_message(
		zcbor_state_t *state, const struct gd2_frame_message *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 67) && (((((((*input).command.len >= 0)
	&& ((*input).command.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).command))))
	&& (((((*input).index <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).index))))
	&& (((((*input).term <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).term))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 67))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_follow_reply(
		zcbor_state_t *state, const struct gd2_follow_reply *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 67) && (((((((*input).verdict.len >= 0)
	&& ((*input).verdict.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).verdict))))
	&& (!(*input).leader_present || encode_repeated_gd2_follow_reply_leader(state, (&(*input).leader)))
	&& (!(*input).leader_address_present || encode_repeated_gd2_follow_reply_leader_address(state, (&(*input).leader_address)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 67))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_follow_request(
		zcbor_state_t *state, const struct gd2_follow_request *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 68) && (((((((*input).index <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).index))))
	&& (((((*input).term <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).term))))
	&& ((zcbor_bool_encode(state, (&(*input).frames))))
	&& (((((*input).member_since <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).member_since))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 68))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_answer(
		zcbor_state_t *state, const struct gd2_answer *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 65) && (((((((*input).payload.len >= 0)
	&& ((*input).payload.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).payload))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 65))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_forwarded(
		zcbor_state_t *state, const struct gd2_forwarded *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 66) && (((((((*input).payload.len >= 0)
	&& ((*input).payload.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).payload))))
	&& (((((*input).timeout_ms <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_uint64_encode(state, (&(*input).timeout_ms))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 66))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_empty(
		zcbor_state_t *state, const struct gd2_empty *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 64) && ((zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 64))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_raft_message(
		zcbor_state_t *state, const struct gd2_raft_message *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 65) && (((((((*input).payload.len >= 0)
	&& ((*input).payload.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_bstr_encode(state, (&(*input).payload))))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 65))));

	log_result(state, res, __func__);
	return res;
}

static bool encode_gd2_hello_info(
		zcbor_state_t *state, const struct gd2_hello_info *input)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_encode(state, 72) && (((((((*input).peer_id.len >= 0)
	&& ((*input).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).peer_id))))
	&& (((((*input).pool_id.len >= 0)
	&& ((*input).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))
	&& (zcbor_tstr_encode(state, (&(*input).pool_id))))
	&& (!(*input).op_version_present || encode_repeated_gd2_hello_info_op_version(state, (&(*input).op_version)))
	&& (!(*input).software_present || encode_repeated_gd2_hello_info_software(state, (&(*input).software)))
	&& (!(*input).roles_present || encode_repeated_gd2_hello_info_roles(state, (&(*input).roles)))
	&& (!(*input).address_present || encode_repeated_gd2_hello_info_address(state, (&(*input).address)))
	&& (!(*input).op_version_max_present || encode_repeated_gd2_hello_info_op_version_max(state, (&(*input).op_version_max)))
	&& (!(*input).instance_present || encode_repeated_gd2_hello_info_instance(state, (&(*input).instance)))
	&& zcbor_multi_encode_minmax(0, 64, &(*input).unknown_count, (zcbor_encoder_t *)zcbor_nil_put, state, NULL, 0)) || (zcbor_list_map_end_force_encode(state), false)) && zcbor_list_end_encode(state, 72))));

	log_result(state, res, __func__);
	return res;
}



int cbor_encode_gd2_hello_info(
		uint8_t *payload, size_t payload_len,
		const struct gd2_hello_info *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_hello_info, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_raft_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_raft_message *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_raft_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_empty(
		uint8_t *payload, size_t payload_len,
		const struct gd2_empty *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_empty, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_forwarded(
		uint8_t *payload, size_t payload_len,
		const struct gd2_forwarded *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_forwarded, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_answer(
		uint8_t *payload, size_t payload_len,
		const struct gd2_answer *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_answer, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_follow_request(
		uint8_t *payload, size_t payload_len,
		const struct gd2_follow_request *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_follow_request, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_follow_reply(
		uint8_t *payload, size_t payload_len,
		const struct gd2_follow_reply *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_follow_reply, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_frame_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_frame_message *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_frame_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_frames(
		uint8_t *payload, size_t payload_len,
		const struct gd2_frames *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_frames, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_snapshot_request(
		uint8_t *payload, size_t payload_len,
		const struct gd2_snapshot_request *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_snapshot_request, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_snapshot_chunk(
		uint8_t *payload, size_t payload_len,
		const struct gd2_snapshot_chunk *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_snapshot_chunk, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_pool_state(
		uint8_t *payload, size_t payload_len,
		const struct gd2_pool_state *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_pool_state, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_lease(
		uint8_t *payload, size_t payload_len,
		const struct gd2_lease *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_lease, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_expect_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_expect_message *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_expect_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_command_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_command_message *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_command_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_done_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_done_message *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[4];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_done_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_step_message(
		uint8_t *payload, size_t payload_len,
		const struct gd2_step_message *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_step_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_step_reply(
		uint8_t *payload, size_t payload_len,
		const struct gd2_step_reply *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_step_reply, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_ask_reply(
		uint8_t *payload, size_t payload_len,
		const struct gd2_ask_reply *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[4];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_ask_reply, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_invitation(
		uint8_t *payload, size_t payload_len,
		const struct gd2_invitation *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[4];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_invitation, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_revocation(
		uint8_t *payload, size_t payload_len,
		const struct gd2_revocation *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_revocation, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_notice(
		uint8_t *payload, size_t payload_len,
		const struct gd2_notice *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_notice, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_peer_state(
		uint8_t *payload, size_t payload_len,
		const struct gd2_peer_state *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_peer_state, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_recovered(
		uint8_t *payload, size_t payload_len,
		const struct gd2_recovered *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_recovered, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_moved(
		uint8_t *payload, size_t payload_len,
		const struct gd2_moved *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_moved, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_volume_query(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volume_query *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_volume_query, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_volume_ask(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volume_ask *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_volume_ask, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_volume_answer(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volume_answer *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_volume_answer, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_volfile_query(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volfile_query *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_volfile_query, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_volfile(
		uint8_t *payload, size_t payload_len,
		const struct gd2_volfile *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_volfile, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_encode_gd2_job_query(
		uint8_t *payload, size_t payload_len,
		const struct gd2_job_query *input,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)input, payload_len_out, states,
		(zcbor_decoder_t *)encode_gd2_job_query, sizeof(states) / sizeof(zcbor_state_t), 1);
}
