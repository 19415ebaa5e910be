/* SHA-256 (FIPS 180-4) and HMAC (RFC 2104): what the handshake's proofs are made of. Written by gd2raft.rpc.codegen: do not edit. */
#ifndef GD2_SHA256_H
#define GD2_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define GD2_DIGEST_BYTES 32

struct gd2_sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64];
};

void gd2_sha256_start(struct gd2_sha256 *hash);
void gd2_sha256_add(struct gd2_sha256 *hash, const void *data, size_t bytes);
void gd2_sha256_end(struct gd2_sha256 *hash, uint8_t digest[GD2_DIGEST_BYTES]);

struct gd2_hmac {
	struct gd2_sha256 inner;
	uint8_t outer_key[64];
};

void gd2_hmac_start(struct gd2_hmac *mac, const void *key, size_t key_bytes);
void gd2_hmac_add(struct gd2_hmac *mac, const void *data, size_t bytes);
void gd2_hmac_end(struct gd2_hmac *mac, uint8_t digest[GD2_DIGEST_BYTES]);

#endif
