/* Reads messages on its standard input, and writes them again as this C code does: for tests that compare both. Written by gd2raft.rpc.codegen: do not edit.
 *
 * In: 4 bytes number in gd2_messages (or GD2_MESSAGES: a whole frame), 4 bytes length, CBOR. Out: 4 bytes length, CBOR; length 0: refused.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gd2_messages.h"

static uint32_t number(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* A hello's body, which gd2_read_frame leaves as it is. */
static bool info_again(struct zcbor_string *body, void *scratch)
{
	static uint8_t written[GD2_HELLO_BYTES_MAX];

	if (!gd2_read_hello_info(body->value, body->len, scratch))
		return false;
	body->len = gd2_write_hello_info(written, sizeof(written), scratch);
	body->value = written;
	return body->len;
}

static size_t again(uint32_t which, const uint8_t *in, size_t bytes, uint8_t *out, void *scratch)
{
	struct gd2_frame frame;

	if (which == GD2_MESSAGES) {
		if (!gd2_read_frame(in, bytes, &frame) || (frame.kind == GD2_HELLO && !info_again(&frame.body, scratch)))
			return 0;
		return gd2_write_frame(out, GD2_FRAME_BYTES_MAX, &frame);
	}
	if (!gd2_messages[which].read(in, bytes, scratch))
		return 0;
	return gd2_messages[which].write(out, GD2_FRAME_BYTES_MAX, scratch);
}

int main(void)
{
	uint8_t *out = malloc(GD2_FRAME_BYTES_MAX), head[8];
	void *scratch = calloc(1, sizeof(union gd2_any_message));

	while (out && scratch && fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		uint32_t which = number(head), bytes = number(head + 4);
		uint8_t *in; /* of its own each time, exactly as long, so that a sanitizer sees a byte too far */
		size_t made;

		if (which > GD2_MESSAGES || bytes > GD2_FRAME_BYTES_MAX || !(in = malloc(bytes ? bytes : 1)))
			return 1;
		if (fread(in, 1, bytes, stdin) != bytes)
			return 1;
		made = again(which, in, bytes, out, scratch);
		free(in);
		for (int i = 0; i < 4; i++)
			putchar((int)(made >> (24 - 8 * i) & 0xff));
		fwrite(out, 1, made, stdout);
		fflush(stdout);
	}
	free(scratch);
	free(out);
	return 0;
}
