// SPDX-License-Identifier: Apache-2.0
#include "support/dolphindb_login.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <stdexcept>
#include <utility>

namespace sluice::testing::dolphin {
namespace {

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hmac(const std::string& key, const std::string& text) {
  std::string out(32, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
       reinterpret_cast<unsigned char*>(out.data()), &size);
  return out;
}

std::string random_bytes(std::size_t size) {
  std::string out(size, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(size)) != 1)
    throw std::runtime_error("no random bytes");
  return out;
}

}  // namespace

std::string base64(const std::string& bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string unbase64(const std::string& text) {
  std::string plain;
  std::copy_if(text.begin(), text.end(), std::back_inserter(plain),
               [](char c) { return std::isspace(static_cast<unsigned char>(c)) == 0; });
  std::string out(plain.size() + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(plain),
                                   static_cast<int>(plain.size()));
  if (size < 0) return {};
  const auto padding = std::count(plain.begin(), plain.end(), '=');
  out.resize(static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, size - padding)));
  return out;
}

evp_pkey_st* PasswordKey::key() {
  static const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> made(EVP_RSA_gen(2048),
                                                                   EVP_PKEY_free);
  if (made == nullptr) throw std::runtime_error("no RSA key");
  return made.get();
}

std::string PasswordKey::pem() {
  const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PUBKEY(out.get(), key());
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::optional<std::string> PasswordKey::decrypted(const std::string& text) {
  const std::string secret = unbase64(text);
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
      EVP_PKEY_CTX_new(key(), nullptr), EVP_PKEY_CTX_free);
  std::string plain(512, '\0');
  std::size_t size = plain.size();
  if (EVP_PKEY_decrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(plain.data()), &size,
                       bytes_of(secret), secret.size()) != 1)
    return std::nullopt;
  plain.resize(size);
  return plain;
}

Scram::Scram(std::string user, const std::string& password, std::string client_nonce)
    : user_(std::move(user)),
      client_nonce_(std::move(client_nonce)),
      salt_(random_bytes(16)),
      nonce_(client_nonce_ + base64(random_bytes(16))),
      salted_(32, '\0') {
  PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt_),
                    static_cast<int>(salt_.size()), iterations(), EVP_sha256(), 32,
                    reinterpret_cast<unsigned char*>(salted_.data()));
}

std::string Scram::salt() const { return base64(salt_); }

std::optional<std::string> Scram::finish(const std::string& user, const std::string& nonce,
                                         const std::string& proof) const {
  const std::string message = "n=" + user_ + ",r=" + client_nonce_ + ",r=" + nonce_ +
                              ",s=" + salt() + ",i=" + std::to_string(iterations()) +
                              ",c=biws,r=" + nonce_;
  const std::string key = hmac(salted_, "Client Key");
  std::string stored(SHA256_DIGEST_LENGTH, '\0');
  SHA256(bytes_of(key), key.size(), reinterpret_cast<unsigned char*>(stored.data()));
  std::string expected = hmac(stored, message);
  for (std::size_t i = 0; i < expected.size(); ++i)
    expected[i] = static_cast<char>(expected[i] ^ key[i]);
  if (user != user_ || nonce != nonce_ || unbase64(proof) != expected) return std::nullopt;
  return base64(hmac(hmac(salted_, "Server Key"), message));
}

}  // namespace sluice::testing::dolphin
