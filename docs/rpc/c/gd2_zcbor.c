/* zcbor's library and the codecs that it generated, as one unit, since they don't compile without warnings. Written by gd2raft.rpc.codegen: do not edit. */
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"

#include "zcbor_common.c"
#include "zcbor_decode.c"
#include "zcbor_encode.c"

#include "gd2_messages_decode.c"
#undef log_result
#include "gd2_messages_encode.c"
