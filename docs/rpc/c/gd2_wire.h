/* Frames: bytes to records and back, without I/O. docs/wire.cddl has them, docs/wire-services.md the rest. Written by gd2raft.rpc.codegen: do not edit.
 *
 * Texts and bodies of a frame that was read point into the bytes that it was read from.
 */
#ifndef GD2_WIRE_H
#define GD2_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zcbor_common.h"

#define GD2_MAGIC "GD2R"
#define GD2_VERSION 1
#define GD2_PREFACE_BYTES 48
#define GD2_NONCE_BYTES 32
#define GD2_KEY_ID_BYTES 8
#define GD2_PROOF_BYTES 32
#define GD2_MODE_POOL 0
#define GD2_MODE_JOIN 1

#define GD2_FRAME_BYTES_MAX 4194304u
#define GD2_JOIN_FRAME_BYTES_MAX 262144u
#define GD2_HELLO_BYTES_MAX 16384u
#define GD2_DEPTH_MAX 32
#define GD2_MAP_ENTRIES_MAX 64 /* of a map anywhere in a message */
#define GD2_KEEPALIVE_MS 5000
#define GD2_DEAD_AFTER_MS 15000
#define GD2_HANDSHAKE_MS 5000

#define GD2_E_UNKNOWN_METHOD "unknown-method"
#define GD2_E_BAD_REQUEST "bad-request"
#define GD2_E_INTERNAL "internal"
#define GD2_E_DEADLINE "deadline"
#define GD2_E_BUSY "busy"
#define GD2_E_JOIN_ONLY "join-only"
#define GD2_E_TOO_LARGE "too-large"

enum gd2_kind {
	GD2_HELLO = 1,
	GD2_REFUSED = 2,
	GD2_CALL = 3,
	GD2_REPLY = 4,
	GD2_ERROR = 5,
	GD2_NOTIFY = 6,
	GD2_CANCEL = 7,
	GD2_PING = 8,
	GD2_PONG = 9,
};

/* Which of the fields a kind has: the comment behind. `fields` is a map of texts as CBOR, or empty. */
struct gd2_frame {
	enum gd2_kind kind;
	uint64_t call_id;             /* call, reply, error, cancel */
	uint32_t method;              /* call, notify */
	uint32_t deadline_ms;         /* call */
	struct zcbor_string body;     /* call, reply, notify: CBOR; hello: its hello-info */
	struct zcbor_string dialled;  /* hello */
	struct zcbor_string code;     /* refused, error */
	struct zcbor_string message;  /* refused, error */
	struct zcbor_string fields;   /* error */
};

/* Exactly one item of what our wire allows: definite lengths, shortest heads, UTF-8, no tags, depth, no key twice. */
bool gd2_sound(const uint8_t *data, size_t bytes, int depth_max);

/* The CBOR of one frame. */
bool gd2_read_frame(const uint8_t *data, size_t bytes, struct gd2_frame *frame);

/* Bytes written, 0 when they don't fit. With an empty body the caller writes the body behind it (of call, reply, notify). */
size_t gd2_write_frame(uint8_t *out, size_t room, const struct gd2_frame *frame);

/* Characters of a text whose UTF-8 is valid. */
size_t gd2_characters(const struct zcbor_string *text);

struct zcbor_string gd2_text(const char *text);

#endif
