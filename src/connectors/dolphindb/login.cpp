// SPDX-License-Identifier: Apache-2.0
// How a session proves who it is.
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <array>
#include <charconv>

#include "connectors/dolphindb/session.h"
#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

using Hash = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct FreeKeyContext {
  void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
};

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string base64(std::string_view raw) {
  std::string text((raw.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes(raw),
                                   static_cast<int>(raw.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

/// In lines of 64 characters, each ended: as the server's own C++ client sends them.
std::string base64_lines(std::string_view raw) {
  const std::string text = base64(raw);
  std::string lines;
  for (std::size_t i = 0; i < text.size(); i += 64) lines += text.substr(i, 64) + "\n";
  return lines;
}

std::string from_base64(const std::string& text) {
  std::string raw(text.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()), bytes(text),
                                   static_cast<int>(text.size()));
  if (size < 0) throw Error(Fault::data, "the server's challenge is no base64");
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  raw.resize(static_cast<std::size_t>(size) - padding);
  return raw;
}

Hash hmac(std::string_view key, std::string_view text) {
  Hash hash;
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes(text), text.size(),
           hash.data(), &size) == nullptr)
    throw Error(Fault::internal, "out of memory for a login");
  return hash;
}

std::string_view view(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

/// PKCS #1 v1.5 with the key that the server made for this.
std::string encrypted(const std::string& pem, const std::string& text) {
  const std::unique_ptr<BIO, FreeBio> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!key) throw Error(Fault::data, "the server's public key is none that can be read");
  const std::unique_ptr<EVP_PKEY_CTX, FreeKeyContext> context(EVP_PKEY_CTX_new(key.get(), nullptr));
  std::size_t size = 0;
  const bool ready = context && EVP_PKEY_encrypt_init(context.get()) == 1 &&
                     EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
                     EVP_PKEY_encrypt(context.get(), nullptr, &size, bytes(text), text.size()) == 1;
  std::string raw(size, '\0');
  if (!ready || EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(raw.data()), &size,
                                 bytes(text), text.size()) != 1)
    throw Error(Fault::authentication, "the name or the password is too long for the server's key");
  raw.resize(size);
  return raw;
}

bool lacks(const Error& error, std::string_view what) {
  return error.fault() == Fault::schema &&
         std::string_view(error.what()).find(what) != std::string_view::npos;
}

constexpr const char* kNoFunction = "Can't recognize function name";

}  // namespace

/// Servers answer nothing, or that it is true.
bool Session::granted(const Object& answer) const {
  if (answer.void_value()) return true;
  const std::vector<std::int64_t> values = answer.numbers();
  return answer.cells.type.type == Type::boolean && values.size() == 1 && values[0] == 1;
}

// One way only, so that a wrong password is one wrong try.
void Session::log_in() {
  stream_.set_patience(login_->patience);
  if (login_->user.empty()) return;
  try {
    const LoginWay way = login_->way;
    const bool automatic = way == LoginWay::automatic;
    if ((automatic || way == LoginWay::scram) && log_in_by_scram()) return;
    if ((automatic || way == LoginWay::rsa) && log_in_by_rsa()) return;
    if (!automatic && way != LoginWay::plain)
      throw Error(Fault::authentication, "the server does not know the login that login= names",
                  "leave login= out to take the best that it knows");
    if (!granted(call("login", {text_scalar(login_->user), text_scalar(login_->password.reveal()),
                                bool_scalar(false)})))
      throw Error(Fault::authentication, "the server refuses the user or the password");
    login_way_ = "plain";
  } catch (const Error& error) {
    throw Error(error.fault(), login_->secrets.hidden(login_->shown + ": " + error.what()),
                error.hint());
  }
}

/// False: the server, or this user, does without.
bool Session::log_in_by_scram() {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    throw Error(Fault::internal, "no random numbers for a login");
  const std::string nonce = base64({reinterpret_cast<const char*>(random.data()), random.size()});
  Object first;
  try {
    first = call("scramClientFirst", {text_scalar(login_->user), text_scalar(nonce)});
  } catch (const Error& error) {
    if (lacks(error, kNoFunction) || lacks(error, "doesn't support scram")) return false;
    throw;
  }
  const auto texts = [&](std::size_t i) {
    const auto all = i < first.items.size() ? first.items[i].texts() : std::vector<std::string>();
    return all.empty() ? std::string() : all.front();
  };
  const std::string salt = texts(0), server_nonce = texts(2);
  const auto rounds =
      first.items.size() == 3 ? first.items[1].numbers() : std::vector<std::int64_t>();
  if (rounds.size() != 1 || rounds[0] < 1 || rounds[0] > 10'000'000 ||
      !server_nonce.starts_with(nonce))
    throw Error(Fault::data, "the server's challenge makes no sense");
  const std::string raw_salt = from_base64(salt);
  const std::string& password = login_->password.reveal();
  Hash salted;
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes(raw_salt),
                        static_cast<int>(raw_salt.size()), static_cast<int>(rounds[0]),
                        EVP_sha256(), static_cast<int>(salted.size()), salted.data()) != 1)
    throw Error(Fault::internal, "out of memory for a login");
  const Hash client_key = hmac(view(salted), "Client Key");
  Hash stored;
  SHA256(client_key.data(), client_key.size(), stored.data());
  const std::string message = "n=" + login_->user + ",r=" + nonce + ",r=" + server_nonce +
                              ",s=" + salt + ",i=" + std::to_string(rounds[0]) +
                              ",c=biws,r=" + server_nonce;
  Hash proof = hmac(view(stored), message);
  for (std::size_t i = 0; i < proof.size(); ++i)
    proof[i] = static_cast<unsigned char>(proof[i] ^ client_key[i]);
  const std::vector<std::string> answer =
      call("scramClientFinal",
           {text_scalar(login_->user), text_scalar(server_nonce), text_scalar(base64(view(proof)))})
          .texts();
  const Hash expected = hmac(view(hmac(view(salted), "Server Key")), message);
  OPENSSL_cleanse(salted.data(), salted.size());
  if (!answer.empty() && !answer.front().empty() && answer.front() != base64(view(expected)))
    throw Error(Fault::authentication,
                "the server does not know the password itself: it is not the one that it says");
  login_way_ = "SCRAM-SHA-256";
  return true;
}

/// False: the server does without.
bool Session::log_in_by_rsa() {
  std::string key;
  try {
    const std::vector<std::string> answer = call("getDynamicPublicKey").texts();
    key = answer.empty() ? "" : answer.front();
  } catch (const Error& error) {
    if (lacks(error, kNoFunction)) return false;
    throw;
  }
  const auto sealed = [&](const std::string& text) {
    return text_scalar(base64_lines(encrypted(key, text)));
  };
  if (!granted(call("login",
                    {sealed(login_->user), sealed(login_->password.reveal()), bool_scalar(true)})))
    throw Error(Fault::authentication, "the server refuses the user or the password");
  login_way_ = "RSA";
  return true;
}

}  // namespace sluice::dolphindb
