/*
 * Generated using zcbor version 0.9.1
 * https://github.com/NordicSemiconductor/zcbor
 * Generated with a --default-max-qty of 64
 */

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "zcbor_decode.h"
#include "gd2_messages_decode.h"
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

static bool decode_repeated_gd2_hello_info_op_version(zcbor_state_t *state, uint64_t *result);
static bool decode_repeated_gd2_hello_info_software(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_repeated_gd2_hello_info_roles(zcbor_state_t *state, uint64_t *result);
static bool decode_repeated_gd2_hello_info_address(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_repeated_gd2_hello_info_op_version_max(zcbor_state_t *state, uint64_t *result);
static bool decode_repeated_gd2_hello_info_instance(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_repeated_gd2_follow_reply_leader(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_repeated_gd2_follow_reply_leader_address(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_repeated_gd2_snapshot_chunk_meta(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_repeated_gd2_volfile_query_known(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_repeated_gd2_volfile_query_wait_ms(zcbor_state_t *state, uint64_t *result);
static bool decode_repeated_gd2_pool_state_voters_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_pool_state_voters(zcbor_state_t *state, struct gd2_pool_state_voters *result);
static bool decode_repeated_gd2_pool_state_online_value_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_pool_state_online_value(zcbor_state_t *state, struct gd2_pool_state_online_value *result);
static bool decode_repeated_gd2_pool_state_came_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_pool_state_came(zcbor_state_t *state, struct gd2_pool_state_came *result);
static bool decode_repeated_gd2_pool_state_went_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_pool_state_went(zcbor_state_t *state, struct gd2_pool_state_went *result);
static bool decode_repeated_gd2_pool_state_depth(zcbor_state_t *state, uint64_t *result);
static bool decode_repeated_gd2_lease_below_value_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_lease_below_value(zcbor_state_t *state, struct gd2_lease_below_value *result);
static bool decode_repeated_gd2_lease_came_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_lease_came(zcbor_state_t *state, struct gd2_lease_came *result);
static bool decode_repeated_gd2_lease_went_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_lease_went(zcbor_state_t *state, struct gd2_lease_went *result);
static bool decode_repeated_gd2_done_message_warnings_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_done_message_warnings(zcbor_state_t *state, struct gd2_done_message_warnings *result);
static bool decode_repeated_gd2_ask_reply_steps_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_ask_reply_steps(zcbor_state_t *state, struct gd2_ask_reply_steps *result);
static bool decode_repeated_gd2_ask_reply_client_host(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_repeated_gd2_ask_reply_peer_port(zcbor_state_t *state, uint64_t *result);
static bool decode_repeated_gd2_ask_reply_store(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_repeated_gd2_ask_reply_hooks_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_ask_reply_hooks(zcbor_state_t *state, struct gd2_ask_reply_hooks *result);
static bool decode_repeated_gd2_invitation_seeds_items(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_invitation_seeds(zcbor_state_t *state, struct gd2_invitation_seeds *result);
static bool decode_repeated_gd2_invitation_store(zcbor_state_t *state, struct zcbor_string *result);
static bool decode_gd2_frames_frames(zcbor_state_t *state, struct gd2_frames_frames *result);
static bool decode_gd2_command_message_expect(zcbor_state_t *state, struct gd2_command_message_expect *result);
static bool decode_gd2_peer_state_notices(zcbor_state_t *state, struct gd2_peer_state_notices *result);
static bool decode_gd2_job_query(zcbor_state_t *state, struct gd2_job_query *result);
static bool decode_gd2_volfile(zcbor_state_t *state, struct gd2_volfile *result);
static bool decode_gd2_volfile_query(zcbor_state_t *state, struct gd2_volfile_query *result);
static bool decode_gd2_volume_answer(zcbor_state_t *state, struct gd2_volume_answer *result);
static bool decode_gd2_volume_ask(zcbor_state_t *state, struct gd2_volume_ask *result);
static bool decode_gd2_volume_query(zcbor_state_t *state, struct gd2_volume_query *result);
static bool decode_gd2_moved(zcbor_state_t *state, struct gd2_moved *result);
static bool decode_gd2_recovered(zcbor_state_t *state, struct gd2_recovered *result);
static bool decode_gd2_peer_state(zcbor_state_t *state, struct gd2_peer_state *result);
static bool decode_gd2_notice(zcbor_state_t *state, struct gd2_notice *result);
static bool decode_gd2_revocation(zcbor_state_t *state, struct gd2_revocation *result);
static bool decode_gd2_invitation(zcbor_state_t *state, struct gd2_invitation *result);
static bool decode_gd2_ask_reply(zcbor_state_t *state, struct gd2_ask_reply *result);
static bool decode_gd2_step_reply(zcbor_state_t *state, struct gd2_step_reply *result);
static bool decode_gd2_step_message(zcbor_state_t *state, struct gd2_step_message *result);
static bool decode_gd2_done_message(zcbor_state_t *state, struct gd2_done_message *result);
static bool decode_gd2_command_message(zcbor_state_t *state, struct gd2_command_message *result);
static bool decode_gd2_expect_message(zcbor_state_t *state, struct gd2_expect_message *result);
static bool decode_gd2_lease(zcbor_state_t *state, struct gd2_lease *result);
static bool decode_gd2_pool_state(zcbor_state_t *state, struct gd2_pool_state *result);
static bool decode_gd2_snapshot_chunk(zcbor_state_t *state, struct gd2_snapshot_chunk *result);
static bool decode_gd2_snapshot_request(zcbor_state_t *state, struct gd2_snapshot_request *result);
static bool decode_gd2_frames(zcbor_state_t *state, struct gd2_frames *result);
static bool decode_gd2_frame_message(zcbor_state_t *state, struct gd2_frame_message *result);
static bool decode_gd2_follow_reply(zcbor_state_t *state, struct gd2_follow_reply *result);
static bool decode_gd2_follow_request(zcbor_state_t *state, struct gd2_follow_request *result);
static bool decode_gd2_answer(zcbor_state_t *state, struct gd2_answer *result);
static bool decode_gd2_forwarded(zcbor_state_t *state, struct gd2_forwarded *result);
static bool decode_gd2_empty(zcbor_state_t *state, struct gd2_empty *result);
static bool decode_gd2_raft_message(zcbor_state_t *state, struct gd2_raft_message *result);
static bool decode_gd2_hello_info(zcbor_state_t *state, struct gd2_hello_info *result);


static bool decode_repeated_gd2_hello_info_op_version(
		zcbor_state_t *state, uint64_t *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_uint64_decode(state, (&(*result))))
	&& ((((*result) <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_hello_info_software(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_hello_info_roles(
		zcbor_state_t *state, uint64_t *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_uint64_decode(state, (&(*result))))
	&& ((((*result) <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_hello_info_address(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_hello_info_op_version_max(
		zcbor_state_t *state, uint64_t *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_uint64_decode(state, (&(*result))))
	&& ((((*result) <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_hello_info_instance(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_follow_reply_leader(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_follow_reply_leader_address(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_snapshot_chunk_meta(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_bstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 65536)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_volfile_query_known(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_volfile_query_wait_ms(
		zcbor_state_t *state, uint64_t *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_uint64_decode(state, (&(*result))))
	&& ((((*result) <= 60000)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_pool_state_voters_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_pool_state_voters(
		zcbor_state_t *state, struct gd2_pool_state_voters *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 1024, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_pool_state_voters_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_pool_state_voters_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_pool_state_online_value_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_pool_state_online_value(
		zcbor_state_t *state, struct gd2_pool_state_online_value *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 16384, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_pool_state_online_value_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_pool_state_online_value_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_pool_state_came_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_pool_state_came(
		zcbor_state_t *state, struct gd2_pool_state_came *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 16384, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_pool_state_came_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_pool_state_came_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_pool_state_went_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_pool_state_went(
		zcbor_state_t *state, struct gd2_pool_state_went *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 16384, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_pool_state_went_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_pool_state_went_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_pool_state_depth(
		zcbor_state_t *state, uint64_t *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_uint64_decode(state, (&(*result))))
	&& ((((*result) <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_lease_below_value_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_lease_below_value(
		zcbor_state_t *state, struct gd2_lease_below_value *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 16384, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_lease_below_value_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_lease_below_value_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_lease_came_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_lease_came(
		zcbor_state_t *state, struct gd2_lease_came *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 16384, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_lease_came_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_lease_came_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_lease_went_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_lease_went(
		zcbor_state_t *state, struct gd2_lease_went *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 16384, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_lease_went_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_lease_went_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_done_message_warnings_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_done_message_warnings(
		zcbor_state_t *state, struct gd2_done_message_warnings *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 16384, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_done_message_warnings_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_done_message_warnings_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_ask_reply_steps_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_ask_reply_steps(
		zcbor_state_t *state, struct gd2_ask_reply_steps *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 1024, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_ask_reply_steps_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_ask_reply_steps_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_ask_reply_client_host(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_ask_reply_peer_port(
		zcbor_state_t *state, uint64_t *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_uint64_decode(state, (&(*result))))
	&& ((((*result) <= UINT16_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_ask_reply_store(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_ask_reply_hooks_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_ask_reply_hooks(
		zcbor_state_t *state, struct gd2_ask_reply_hooks *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 1024, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_ask_reply_hooks_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_ask_reply_hooks_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_invitation_seeds_items(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_invitation_seeds(
		zcbor_state_t *state, struct gd2_invitation_seeds *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 16384, &(*result).items_count, (zcbor_decoder_t *)decode_repeated_gd2_invitation_seeds_items, state, (*&(*result).items), sizeof(struct zcbor_string))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_repeated_gd2_invitation_seeds_items(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_repeated_gd2_invitation_store(
		zcbor_state_t *state, struct zcbor_string *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_tstr_decode(state, (&(*result))))
	&& ((((*result).len >= 0)
	&& ((*result).len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false))));

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_frames_frames(
		zcbor_state_t *state, struct gd2_frames_frames *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 65536, &(*result).items_count, (zcbor_decoder_t *)decode_gd2_frame_message, state, (*&(*result).items), sizeof(struct gd2_frame_message))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_gd2_frame_message(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_command_message_expect(
		zcbor_state_t *state, struct gd2_command_message_expect *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 8192, &(*result).items_count, (zcbor_decoder_t *)decode_gd2_expect_message, state, (*&(*result).items), sizeof(struct gd2_expect_message))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_gd2_expect_message(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_peer_state_notices(
		zcbor_state_t *state, struct gd2_peer_state_notices *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 64, &(*result).items_count, (zcbor_decoder_t *)decode_gd2_notice, state, (*&(*result).items), sizeof(struct gd2_notice))) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		decode_gd2_notice(state, (*&(*result).items));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_job_query(
		zcbor_state_t *state, struct gd2_job_query *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).job)))
	&& ((((*result).job.len >= 0)
	&& ((*result).job.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_volfile(
		zcbor_state_t *state, struct gd2_volfile *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).digest)))
	&& ((((*result).digest.len >= 0)
	&& ((*result).digest.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).revision)))
	&& ((((*result).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bstr_decode(state, (&(*result).volfile)))
	&& ((((*result).volfile.len >= 0)
	&& ((*result).volfile.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_volfile_query(
		zcbor_state_t *state, struct gd2_volfile_query *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).volume)))
	&& ((((*result).volume.len >= 0)
	&& ((*result).volume.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_present_decode(&((*result).known_present), (zcbor_decoder_t *)decode_repeated_gd2_volfile_query_known, state, (&(*result).known))
	&& zcbor_present_decode(&((*result).wait_ms_present), (zcbor_decoder_t *)decode_repeated_gd2_volfile_query_wait_ms, state, (&(*result).wait_ms))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
		decode_repeated_gd2_volfile_query_known(state, (&(*result).known));
		decode_repeated_gd2_volfile_query_wait_ms(state, (&(*result).wait_ms));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_volume_answer(
		zcbor_state_t *state, struct gd2_volume_answer *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_bstr_decode(state, (&(*result).payload)))
	&& ((((*result).payload.len >= 0)
	&& ((*result).payload.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).error)))
	&& ((((*result).error.len >= 0)
	&& ((*result).error.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_volume_ask(
		zcbor_state_t *state, struct gd2_volume_ask *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).volume)))
	&& ((((*result).volume.len >= 0)
	&& ((*result).volume.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).ask)))
	&& ((((*result).ask.len >= 0)
	&& ((*result).ask.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bstr_decode(state, (&(*result).arguments)))
	&& ((((*result).arguments.len >= 0)
	&& ((*result).arguments.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_volume_query(
		zcbor_state_t *state, struct gd2_volume_query *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).volume)))
	&& ((((*result).volume.len >= 0)
	&& ((*result).volume.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_moved(
		zcbor_state_t *state, struct gd2_moved *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).address)))
	&& ((((*result).address.len >= 0)
	&& ((*result).address.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_recovered(
		zcbor_state_t *state, struct gd2_recovered *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).former)))
	&& ((((*result).former.len >= 0)
	&& ((*result).former.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).pool_id)))
	&& ((((*result).pool_id.len >= 0)
	&& ((*result).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).by)))
	&& ((((*result).by.len >= 0)
	&& ((*result).by.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_peer_state(
		zcbor_state_t *state, struct gd2_peer_state *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).role)))
	&& ((((*result).role.len >= 0)
	&& ((*result).role.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).index)))
	&& ((((*result).index <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).term)))
	&& ((((*result).term <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).revision)))
	&& ((((*result).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((*result).disk_full_present = ((zcbor_bool_decode(state, (&(*result).disk_full)))), 1)
	&& ((*result).notices_present = ((decode_gd2_peer_state_notices(state, (&(*result).notices)))), 1)
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_notice(
		zcbor_state_t *state, struct gd2_notice *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).code)))
	&& ((((*result).code.len >= 0)
	&& ((*result).code.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).peer_id)))
	&& ((((*result).peer_id.len >= 0)
	&& ((*result).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).what)))
	&& ((((*result).what.len >= 0)
	&& ((*result).what.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_revocation(
		zcbor_state_t *state, struct gd2_revocation *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).pool_id)))
	&& ((((*result).pool_id.len >= 0)
	&& ((*result).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).peer_id)))
	&& ((((*result).peer_id.len >= 0)
	&& ((*result).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_invitation(
		zcbor_state_t *state, struct gd2_invitation *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).pool_id)))
	&& ((((*result).pool_id.len >= 0)
	&& ((*result).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bstr_decode(state, (&(*result).pool_key)))
	&& ((((*result).pool_key.len >= 0)
	&& ((*result).pool_key.len <= 1024)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bstr_decode(state, (&(*result).secret)))
	&& ((((*result).secret.len >= 0)
	&& ((*result).secret.len <= 1024)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((decode_gd2_invitation_seeds(state, (&(*result).seeds))))
	&& ((zcbor_tstr_decode(state, (&(*result).address)))
	&& ((((*result).address.len >= 0)
	&& ((*result).address.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).peer_id)))
	&& ((((*result).peer_id.len >= 0)
	&& ((*result).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_present_decode(&((*result).store_present), (zcbor_decoder_t *)decode_repeated_gd2_invitation_store, state, (&(*result).store))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
		decode_repeated_gd2_invitation_store(state, (&(*result).store));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_ask_reply(
		zcbor_state_t *state, struct gd2_ask_reply *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).peer_id)))
	&& ((((*result).peer_id.len >= 0)
	&& ((*result).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).pool_id)))
	&& ((((*result).pool_id.len >= 0)
	&& ((*result).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).client_port)))
	&& ((((*result).client_port <= UINT16_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).zone)))
	&& ((((*result).zone.len >= 0)
	&& ((*result).zone.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).op_version_min)))
	&& ((((*result).op_version_min <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).op_version_max)))
	&& ((((*result).op_version_max <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((decode_gd2_ask_reply_steps(state, (&(*result).steps))))
	&& ((zcbor_tstr_decode(state, (&(*result).refusal)))
	&& ((((*result).refusal.len >= 0)
	&& ((*result).refusal.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_present_decode(&((*result).client_host_present), (zcbor_decoder_t *)decode_repeated_gd2_ask_reply_client_host, state, (&(*result).client_host))
	&& zcbor_present_decode(&((*result).peer_port_present), (zcbor_decoder_t *)decode_repeated_gd2_ask_reply_peer_port, state, (&(*result).peer_port))
	&& zcbor_present_decode(&((*result).store_present), (zcbor_decoder_t *)decode_repeated_gd2_ask_reply_store, state, (&(*result).store))
	&& ((*result).hooks_present = ((decode_gd2_ask_reply_hooks(state, (&(*result).hooks)))), 1)
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
		decode_repeated_gd2_ask_reply_client_host(state, (&(*result).client_host));
		decode_repeated_gd2_ask_reply_peer_port(state, (&(*result).peer_port));
		decode_repeated_gd2_ask_reply_store(state, (&(*result).store));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_step_reply(
		zcbor_state_t *state, struct gd2_step_reply *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_bstr_decode(state, (&(*result).facts)))
	&& ((((*result).facts.len >= 0)
	&& ((*result).facts.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).error)))
	&& ((((*result).error.len >= 0)
	&& ((*result).error.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).hint)))
	&& ((((*result).hint.len >= 0)
	&& ((*result).hint.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((*result).away_present = ((zcbor_bool_decode(state, (&(*result).away)))), 1)
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_step_message(
		zcbor_state_t *state, struct gd2_step_message *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).transaction)))
	&& ((((*result).transaction.len >= 0)
	&& ((*result).transaction.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).revision)))
	&& ((((*result).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).kind)))
	&& ((((*result).kind.len >= 0)
	&& ((*result).kind.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bstr_decode(state, (&(*result).arguments)))
	&& ((((*result).arguments.len >= 0)
	&& ((*result).arguments.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bool_decode(state, (&(*result).undo))))
	&& ((zcbor_tstr_decode(state, (&(*result).request_id)))
	&& ((((*result).request_id.len >= 0)
	&& ((*result).request_id.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).timeout_ms)))
	&& ((((*result).timeout_ms <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_done_message(
		zcbor_state_t *state, struct gd2_done_message *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_uint64_decode(state, (&(*result).revision)))
	&& ((((*result).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bstr_decode(state, (&(*result).result)))
	&& ((((*result).result.len >= 0)
	&& ((*result).result.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((decode_gd2_done_message_warnings(state, (&(*result).warnings))))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_command_message(
		zcbor_state_t *state, struct gd2_command_message *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).id)))
	&& ((((*result).id.len >= 0)
	&& ((*result).id.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).command)))
	&& ((((*result).command.len >= 0)
	&& ((*result).command.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bstr_decode(state, (&(*result).request)))
	&& ((((*result).request.len >= 0)
	&& ((*result).request.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).initiator)))
	&& ((((*result).initiator.len >= 0)
	&& ((*result).initiator.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).request_id)))
	&& ((((*result).request_id.len >= 0)
	&& ((*result).request_id.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).user)))
	&& ((((*result).user.len >= 0)
	&& ((*result).user.len <= 4096)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).timeout_ms)))
	&& ((((*result).timeout_ms <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).digest)))
	&& ((((*result).digest.len >= 0)
	&& ((*result).digest.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((*result).expect_present = ((decode_gd2_command_message_expect(state, (&(*result).expect)))), 1)
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_expect_message(
		zcbor_state_t *state, struct gd2_expect_message *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).key)))
	&& ((((*result).key.len >= 0)
	&& ((*result).key.len <= 32768)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).revision)))
	&& ((((*result).revision <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_lease(
		zcbor_state_t *state, struct gd2_lease *result)
{
	zcbor_log("%s\r\n", __func__);
	bool int_res;

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_uint64_decode(state, (&(*result).index)))
	&& ((((*result).index <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_union_start_code(state) && (int_res = ((((decode_gd2_lease_below_value(state, (&(*result).gd2_lease_below_value_m)))) && (((*result).below_choice = gd2_lease_below_value_m_c), true))
	|| (zcbor_union_elem_code(state) && (((zcbor_nil_expect(state, NULL))) && (((*result).below_choice = gd2_lease_below_null_m_c), true)))), zcbor_union_end_code(state), int_res)))
	&& ((*result).came_present = ((decode_gd2_lease_came(state, (&(*result).came)))), 1)
	&& ((*result).went_present = ((decode_gd2_lease_went(state, (&(*result).went)))), 1)
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_pool_state(
		zcbor_state_t *state, struct gd2_pool_state *result)
{
	zcbor_log("%s\r\n", __func__);
	bool int_res;

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).leader)))
	&& ((((*result).leader.len >= 0)
	&& ((*result).leader.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).term)))
	&& ((((*result).term <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bool_decode(state, (&(*result).quorum))))
	&& ((decode_gd2_pool_state_voters(state, (&(*result).voters))))
	&& ((zcbor_union_start_code(state) && (int_res = ((((decode_gd2_pool_state_online_value(state, (&(*result).gd2_pool_state_online_value_m)))) && (((*result).online_choice = gd2_pool_state_online_value_m_c), true))
	|| (zcbor_union_elem_code(state) && (((zcbor_nil_expect(state, NULL))) && (((*result).online_choice = gd2_pool_state_online_null_m_c), true)))), zcbor_union_end_code(state), int_res)))
	&& ((*result).came_present = ((decode_gd2_pool_state_came(state, (&(*result).came)))), 1)
	&& ((*result).went_present = ((decode_gd2_pool_state_went(state, (&(*result).went)))), 1)
	&& zcbor_present_decode(&((*result).depth_present), (zcbor_decoder_t *)decode_repeated_gd2_pool_state_depth, state, (&(*result).depth))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
		decode_repeated_gd2_pool_state_depth(state, (&(*result).depth));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_snapshot_chunk(
		zcbor_state_t *state, struct gd2_snapshot_chunk *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_bstr_decode(state, (&(*result).data)))
	&& ((((*result).data.len >= 0)
	&& ((*result).data.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bool_decode(state, (&(*result).last))))
	&& zcbor_present_decode(&((*result).meta_present), (zcbor_decoder_t *)decode_repeated_gd2_snapshot_chunk_meta, state, (&(*result).meta))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
		decode_repeated_gd2_snapshot_chunk_meta(state, (&(*result).meta));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_snapshot_request(
		zcbor_state_t *state, struct gd2_snapshot_request *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_uint64_decode(state, (&(*result).number_field)))
	&& ((((*result).number_field <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_frames(
		zcbor_state_t *state, struct gd2_frames *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((decode_gd2_frames_frames(state, (&(*result).frames))))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_frame_message(
		zcbor_state_t *state, struct gd2_frame_message *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_bstr_decode(state, (&(*result).command)))
	&& ((((*result).command.len >= 0)
	&& ((*result).command.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).index)))
	&& ((((*result).index <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).term)))
	&& ((((*result).term <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_follow_reply(
		zcbor_state_t *state, struct gd2_follow_reply *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).verdict)))
	&& ((((*result).verdict.len >= 0)
	&& ((*result).verdict.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_present_decode(&((*result).leader_present), (zcbor_decoder_t *)decode_repeated_gd2_follow_reply_leader, state, (&(*result).leader))
	&& zcbor_present_decode(&((*result).leader_address_present), (zcbor_decoder_t *)decode_repeated_gd2_follow_reply_leader_address, state, (&(*result).leader_address))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
		decode_repeated_gd2_follow_reply_leader(state, (&(*result).leader));
		decode_repeated_gd2_follow_reply_leader_address(state, (&(*result).leader_address));
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_follow_request(
		zcbor_state_t *state, struct gd2_follow_request *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_uint64_decode(state, (&(*result).index)))
	&& ((((*result).index <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).term)))
	&& ((((*result).term <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_bool_decode(state, (&(*result).frames))))
	&& ((zcbor_uint64_decode(state, (&(*result).member_since)))
	&& ((((*result).member_since <= INT64_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_answer(
		zcbor_state_t *state, struct gd2_answer *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_bstr_decode(state, (&(*result).payload)))
	&& ((((*result).payload.len >= 0)
	&& ((*result).payload.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_forwarded(
		zcbor_state_t *state, struct gd2_forwarded *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_bstr_decode(state, (&(*result).payload)))
	&& ((((*result).payload.len >= 0)
	&& ((*result).payload.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_uint64_decode(state, (&(*result).timeout_ms)))
	&& ((((*result).timeout_ms <= UINT32_MAX)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_empty(
		zcbor_state_t *state, struct gd2_empty *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_raft_message(
		zcbor_state_t *state, struct gd2_raft_message *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_bstr_decode(state, (&(*result).payload)))
	&& ((((*result).payload.len >= 0)
	&& ((*result).payload.len <= 3932160)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
	}

	log_result(state, res, __func__);
	return res;
}

static bool decode_gd2_hello_info(
		zcbor_state_t *state, struct gd2_hello_info *result)
{
	zcbor_log("%s\r\n", __func__);

	bool res = (((zcbor_list_start_decode(state) && ((((zcbor_tstr_decode(state, (&(*result).peer_id)))
	&& ((((*result).peer_id.len >= 0)
	&& ((*result).peer_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& ((zcbor_tstr_decode(state, (&(*result).pool_id)))
	&& ((((*result).pool_id.len >= 0)
	&& ((*result).pool_id.len <= 1020)) || (zcbor_error(state, ZCBOR_ERR_WRONG_RANGE), false)))
	&& zcbor_present_decode(&((*result).op_version_present), (zcbor_decoder_t *)decode_repeated_gd2_hello_info_op_version, state, (&(*result).op_version))
	&& zcbor_present_decode(&((*result).software_present), (zcbor_decoder_t *)decode_repeated_gd2_hello_info_software, state, (&(*result).software))
	&& zcbor_present_decode(&((*result).roles_present), (zcbor_decoder_t *)decode_repeated_gd2_hello_info_roles, state, (&(*result).roles))
	&& zcbor_present_decode(&((*result).address_present), (zcbor_decoder_t *)decode_repeated_gd2_hello_info_address, state, (&(*result).address))
	&& zcbor_present_decode(&((*result).op_version_max_present), (zcbor_decoder_t *)decode_repeated_gd2_hello_info_op_version_max, state, (&(*result).op_version_max))
	&& zcbor_present_decode(&((*result).instance_present), (zcbor_decoder_t *)decode_repeated_gd2_hello_info_instance, state, (&(*result).instance))
	&& zcbor_multi_decode(0, 64, &(*result).unknown_count, (zcbor_decoder_t *)zcbor_any_skip, state, NULL, 0)) || (zcbor_list_map_end_force_decode(state), false)) && zcbor_list_end_decode(state))));

	if (false) {
		/* For testing that the types of the arguments are correct.
		 * A compiler error here means a bug in zcbor.
		 */
		zcbor_any_skip(state, NULL);
		decode_repeated_gd2_hello_info_op_version(state, (&(*result).op_version));
		decode_repeated_gd2_hello_info_software(state, (&(*result).software));
		decode_repeated_gd2_hello_info_roles(state, (&(*result).roles));
		decode_repeated_gd2_hello_info_address(state, (&(*result).address));
		decode_repeated_gd2_hello_info_op_version_max(state, (&(*result).op_version_max));
		decode_repeated_gd2_hello_info_instance(state, (&(*result).instance));
	}

	log_result(state, res, __func__);
	return res;
}



int cbor_decode_gd2_hello_info(
		const uint8_t *payload, size_t payload_len,
		struct gd2_hello_info *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_hello_info, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_raft_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_raft_message *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_raft_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_empty(
		const uint8_t *payload, size_t payload_len,
		struct gd2_empty *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_empty, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_forwarded(
		const uint8_t *payload, size_t payload_len,
		struct gd2_forwarded *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_forwarded, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_answer(
		const uint8_t *payload, size_t payload_len,
		struct gd2_answer *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_answer, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_follow_request(
		const uint8_t *payload, size_t payload_len,
		struct gd2_follow_request *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_follow_request, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_follow_reply(
		const uint8_t *payload, size_t payload_len,
		struct gd2_follow_reply *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_follow_reply, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_frame_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_frame_message *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_frame_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_frames(
		const uint8_t *payload, size_t payload_len,
		struct gd2_frames *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_frames, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_snapshot_request(
		const uint8_t *payload, size_t payload_len,
		struct gd2_snapshot_request *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_snapshot_request, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_snapshot_chunk(
		const uint8_t *payload, size_t payload_len,
		struct gd2_snapshot_chunk *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_snapshot_chunk, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_pool_state(
		const uint8_t *payload, size_t payload_len,
		struct gd2_pool_state *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_pool_state, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_lease(
		const uint8_t *payload, size_t payload_len,
		struct gd2_lease *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_lease, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_expect_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_expect_message *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_expect_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_command_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_command_message *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_command_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_done_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_done_message *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[4];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_done_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_step_message(
		const uint8_t *payload, size_t payload_len,
		struct gd2_step_message *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_step_message, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_step_reply(
		const uint8_t *payload, size_t payload_len,
		struct gd2_step_reply *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_step_reply, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_ask_reply(
		const uint8_t *payload, size_t payload_len,
		struct gd2_ask_reply *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[4];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_ask_reply, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_invitation(
		const uint8_t *payload, size_t payload_len,
		struct gd2_invitation *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[4];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_invitation, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_revocation(
		const uint8_t *payload, size_t payload_len,
		struct gd2_revocation *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_revocation, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_notice(
		const uint8_t *payload, size_t payload_len,
		struct gd2_notice *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_notice, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_peer_state(
		const uint8_t *payload, size_t payload_len,
		struct gd2_peer_state *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[5];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_peer_state, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_recovered(
		const uint8_t *payload, size_t payload_len,
		struct gd2_recovered *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_recovered, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_moved(
		const uint8_t *payload, size_t payload_len,
		struct gd2_moved *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_moved, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_volume_query(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volume_query *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_volume_query, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_volume_ask(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volume_ask *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_volume_ask, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_volume_answer(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volume_answer *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_volume_answer, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_volfile_query(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volfile_query *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_volfile_query, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_volfile(
		const uint8_t *payload, size_t payload_len,
		struct gd2_volfile *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_volfile, sizeof(states) / sizeof(zcbor_state_t), 1);
}


int cbor_decode_gd2_job_query(
		const uint8_t *payload, size_t payload_len,
		struct gd2_job_query *result,
		size_t *payload_len_out)
{
	zcbor_state_t states[3];

	return zcbor_entry_function(payload, payload_len, (void *)result, payload_len_out, states,
		(zcbor_decoder_t *)decode_gd2_job_query, sizeof(states) / sizeof(zcbor_state_t), 1);
}
