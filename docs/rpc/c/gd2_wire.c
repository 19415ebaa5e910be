/* See gd2_wire.h. Written by gd2raft.rpc.codegen: do not edit. */
#include "gd2_wire.h"

#include <string.h>

enum { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

/* ---- CBOR, as far as frames need it */

/* The head of an item: the byte after it, or NULL. */
static const uint8_t *head(const uint8_t *at, const uint8_t *end, unsigned *major, uint64_t *value)
{
	static const uint64_t shortest[4] = {24, 0x100, 0x10000, 0x100000000};
	unsigned first, more;
	size_t bytes;

	if (at == end)
		return NULL;
	first = *at++;
	*major = first >> 5;
	more = first & 31;
	*value = more;
	if (more < 24)
		return at;
	if (more > 27) /* indefinite, or reserved */
		return NULL;
	bytes = (size_t)1 << (more - 24);
	if ((size_t)(end - at) < bytes)
		return NULL;
	*value = 0;
	for (size_t i = 0; i < bytes; i++)
		*value = *value << 8 | *at++;
	if (*major != SIMPLE && *value < shortest[more - 24])
		return NULL;
	return at;
}

static bool utf8(const uint8_t *at, const uint8_t *end)
{
	while (at < end) {
		unsigned first = *at++, more = first < 0x80 ? 0 : first < 0xc2 ? 9 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 9;
		if (more > (size_t)(end - at))
			return false;
		if (more == 0)
			continue;
		if ((first == 0xe0 && *at < 0xa0) || (first == 0xed && *at > 0x9f) || (first == 0xf0 && *at < 0x90) || (first == 0xf4 && *at > 0x8f))
			return false;
		for (; more; more--)
			if ((*at++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static const uint8_t *item(const uint8_t *at, const uint8_t *end, int depth);

static const uint8_t *map(const uint8_t *at, const uint8_t *end, uint64_t entries, int depth)
{
	const uint8_t *keys[GD2_MAP_ENTRIES_MAX];
	size_t bytes[GD2_MAP_ENTRIES_MAX];

	if (entries > GD2_MAP_ENTRIES_MAX)
		return NULL;
	for (uint64_t n = 0; n < entries; n++) {
		keys[n] = at;
		if (at == end || (*at >> 5 != TEXT && *at >> 5 != BYTES) || !(at = item(at, end, depth)))
			return NULL;
		bytes[n] = (size_t)(at - keys[n]);
		for (uint64_t other = 0; other < n; other++)
			if (bytes[other] == bytes[n] && !memcmp(keys[other], keys[n], bytes[n]))
				return NULL;
		if (!(at = item(at, end, depth)))
			return NULL;
	}
	return at;
}

/* The byte after a sound item, or NULL. `depth`: so many containers in each other are allowed from here. */
static const uint8_t *item(const uint8_t *at, const uint8_t *end, int depth)
{
	unsigned major, first = at == end ? 0 : *at;
	uint64_t value;

	if (!(at = head(at, end, &major, &value)))
		return NULL;
	switch (major) {
	case UNSIGNED:
	case NEGATIVE:
		return at;
	case BYTES:
	case TEXT:
		if (value > (size_t)(end - at) || (major == TEXT && !utf8(at, at + value)))
			return NULL;
		return at + value;
	case ARRAY:
		if (depth <= 0 || value > (size_t)(end - at))
			return NULL;
		for (; value && at; value--)
			at = item(at, end, depth - 1);
		return at;
	case MAP:
		return depth <= 0 ? NULL : map(at, end, value, depth - 1);
	case SIMPLE: /* false, true, null, and floats */
		return (first >= 0xf4 && first <= 0xf6) || first >= 0xf9 ? at : NULL;
	}
	return NULL;
}

bool gd2_sound(const uint8_t *data, size_t bytes, int depth_max)
{
	return bytes && item(data, data + bytes, depth_max) == data + bytes;
}

size_t gd2_characters(const struct zcbor_string *text)
{
	size_t count = 0;

	for (size_t i = 0; i < text->len; i++)
		count += (text->value[i] & 0xc0) != 0x80;
	return count;
}

struct zcbor_string gd2_text(const char *text)
{
	return (struct zcbor_string){.value = (const uint8_t *)text, .len = strlen(text)};
}

/* ---- reading: a cursor over the elements of a sound array */

struct cursor {
	const uint8_t *at, *end;
	uint64_t left;
	bool bad;
};

static uint64_t take_int(struct cursor *c, uint64_t most)
{
	unsigned major = TAG;
	uint64_t value = 0;

	c->bad = c->bad || !c->left || !(c->at = head(c->at, c->end, &major, &value)) || major != UNSIGNED || value > most;
	c->left -= !c->bad;
	return c->bad ? 0 : value;
}

static struct zcbor_string take_text(struct cursor *c, size_t characters_max)
{
	struct zcbor_string text = {0};
	unsigned major = TAG;
	uint64_t value = 0;

	c->bad = c->bad || !c->left || !(c->at = head(c->at, c->end, &major, &value)) || major != TEXT;
	if (c->bad)
		return text;
	text = (struct zcbor_string){.value = c->at, .len = (size_t)value};
	c->at += value;
	c->left--;
	c->bad = gd2_characters(&text) > characters_max;
	return text;
}

static struct zcbor_string take_raw(struct cursor *c)
{
	struct zcbor_string raw = {.value = c->at};
	const uint8_t *next = NULL;

	c->bad = c->bad || !c->left || !(next = item(c->at, c->end, GD2_DEPTH_MAX));
	if (c->bad)
		return raw;
	raw.len = (size_t)(next - c->at);
	c->at = next;
	c->left--;
	return raw;
}

static struct zcbor_string take_fields(struct cursor *c)
{
	struct zcbor_string raw = take_raw(c);
	struct cursor inner = {.at = raw.value, .end = c->end};
	unsigned major = TAG;

	if (c->bad)
		return raw;
	inner.at = head(inner.at, inner.end, &major, &inner.left);
	if (major != MAP || inner.left > 32)
		c->bad = true;
	for (inner.left *= 2; inner.left && !c->bad; c->bad = inner.bad)
		take_text(&inner, inner.left % 2 ? 8192 : 64);
	return raw;
}

bool gd2_read_frame(const uint8_t *data, size_t bytes, struct gd2_frame *frame)
{
	struct cursor c = {.at = data, .end = data + bytes};
	unsigned major = TAG;

	memset(frame, 0, sizeof(*frame));
	if (!gd2_sound(data, bytes, GD2_DEPTH_MAX) || !(c.at = head(c.at, c.end, &major, &c.left)) || major != ARRAY)
		return false;
	frame->kind = (enum gd2_kind)take_int(&c, GD2_PONG);
	switch (frame->kind) {
	case GD2_HELLO:
		frame->body = take_raw(&c);
		if (c.left)
			frame->dialled = take_text(&c, 300);
		break;
	case GD2_REFUSED:
		frame->code = take_text(&c, 64);
		frame->message = take_text(&c, 8192);
		break;
	case GD2_CALL:
		frame->call_id = take_int(&c, 9223372036854775807u);
		frame->method = (uint32_t)take_int(&c, 65535u);
		frame->deadline_ms = (uint32_t)take_int(&c, 4294967295u);
		frame->body = take_raw(&c);
		break;
	case GD2_REPLY:
		frame->call_id = take_int(&c, 9223372036854775807u);
		frame->body = take_raw(&c);
		break;
	case GD2_ERROR:
		frame->call_id = take_int(&c, 9223372036854775807u);
		frame->code = take_text(&c, 64);
		frame->message = take_text(&c, 8192);
		if (c.left)
			frame->fields = take_fields(&c);
		break;
	case GD2_NOTIFY:
		frame->method = (uint32_t)take_int(&c, 65535u);
		frame->body = take_raw(&c);
		break;
	case GD2_CANCEL:
		frame->call_id = take_int(&c, 9223372036854775807u);
		break;
	case GD2_PING:
		break;
	case GD2_PONG:
		break;
	default:
		return false;
	}
	return !c.bad;
}

/* ---- writing */

struct pen {
	uint8_t *at, *end;
	bool full;
};

static void put(struct pen *p, const void *data, size_t bytes)
{
	p->full = p->full || bytes > (size_t)(p->end - p->at);
	if (p->full || !bytes)
		return;
	memcpy(p->at, data, bytes);
	p->at += bytes;
}

static void put_head(struct pen *p, unsigned major, uint64_t value)
{
	unsigned more = value < 24 ? (unsigned)value : value < 0x100 ? 24 : value < 0x10000 ? 25 : value < 0x100000000 ? 26 : 27;
	uint8_t bytes[9] = {(uint8_t)(major << 5 | more)};
	size_t count = more < 24 ? 0 : (size_t)1 << (more - 24);

	for (size_t i = 0; i < count; i++)
		bytes[1 + i] = (uint8_t)(value >> (8 * (count - 1 - i)));
	put(p, bytes, 1 + count);
}

static void put_text(struct pen *p, const struct zcbor_string *text)
{
	put_head(p, TEXT, text->len);
	put(p, text->value, text->len);
}

static void put_raw(struct pen *p, const struct zcbor_string *raw)
{
	put(p, raw->value, raw->len);
}

static void put_fields(struct pen *p, const struct zcbor_string *fields)
{
	if (fields->len)
		put_raw(p, fields);
	else
		put_head(p, MAP, 0);
}

size_t gd2_write_frame(uint8_t *out, size_t room, const struct gd2_frame *frame)
{
	struct pen p = {.at = out, .end = out + room};

	switch (frame->kind) {
	case GD2_HELLO:
		put_head(&p, ARRAY, 3);
		put_head(&p, UNSIGNED, GD2_HELLO);
		put_raw(&p, &frame->body);
		put_text(&p, &frame->dialled);
		break;
	case GD2_REFUSED:
		put_head(&p, ARRAY, 3);
		put_head(&p, UNSIGNED, GD2_REFUSED);
		put_text(&p, &frame->code);
		put_text(&p, &frame->message);
		break;
	case GD2_CALL:
		put_head(&p, ARRAY, 5);
		put_head(&p, UNSIGNED, GD2_CALL);
		put_head(&p, UNSIGNED, frame->call_id);
		put_head(&p, UNSIGNED, frame->method);
		put_head(&p, UNSIGNED, frame->deadline_ms);
		put_raw(&p, &frame->body);
		break;
	case GD2_REPLY:
		put_head(&p, ARRAY, 3);
		put_head(&p, UNSIGNED, GD2_REPLY);
		put_head(&p, UNSIGNED, frame->call_id);
		put_raw(&p, &frame->body);
		break;
	case GD2_ERROR:
		put_head(&p, ARRAY, 5);
		put_head(&p, UNSIGNED, GD2_ERROR);
		put_head(&p, UNSIGNED, frame->call_id);
		put_text(&p, &frame->code);
		put_text(&p, &frame->message);
		put_fields(&p, &frame->fields);
		break;
	case GD2_NOTIFY:
		put_head(&p, ARRAY, 3);
		put_head(&p, UNSIGNED, GD2_NOTIFY);
		put_head(&p, UNSIGNED, frame->method);
		put_raw(&p, &frame->body);
		break;
	case GD2_CANCEL:
		put_head(&p, ARRAY, 2);
		put_head(&p, UNSIGNED, GD2_CANCEL);
		put_head(&p, UNSIGNED, frame->call_id);
		break;
	case GD2_PING:
		put_head(&p, ARRAY, 1);
		put_head(&p, UNSIGNED, GD2_PING);
		break;
	case GD2_PONG:
		put_head(&p, ARRAY, 1);
		put_head(&p, UNSIGNED, GD2_PONG);
		break;
	default:
		return 0;
	}
	return p.full ? 0 : (size_t)(p.at - out);
}
