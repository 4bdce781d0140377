// SPDX-License-Identifier: Apache-2.0
// How a DolphinDB lets users in: passwords in the clear, encrypted with its RSA key (PKCS#1 v1.5),
// or SCRAM-SHA-256 (RFC 5802, without channel binding).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

struct evp_pkey_st;

namespace sluice::testing {

struct DolphindbUser {
  std::string password;
  bool scram = false;            ///< made with authMode='scram'
  std::set<std::string> denied;  ///< "dfs://db/table", or a shared table's name
};

namespace dolphin {

/// One for the process, as making it takes a while. For several threads.
class PasswordKey {
 public:
  static std::string pem();  ///< of the public key
  /// Of base64, in lines or unbroken; nothing where it is none of this key's.
  static std::optional<std::string> decrypted(const std::string& base64);

 private:
  static evp_pkey_st* key();
};

/// One login by SCRAM, from the first message on.
class Scram {
 public:
  Scram(std::string user, const std::string& password, std::string client_nonce);
  const std::string& user() const { return user_; }
  std::string salt() const;  ///< base64
  int iterations() const { return 4096; }
  const std::string& nonce() const { return nonce_; }  ///< the client's and the server's
  /// The server's signature, base64; nothing for a wrong proof.
  std::optional<std::string> finish(const std::string& user, const std::string& nonce,
                                    const std::string& proof) const;

 private:
  std::string user_, client_nonce_, salt_, nonce_, salted_;
};

std::string base64(const std::string& bytes);
std::string unbase64(const std::string& text);

}  // namespace dolphin
}  // namespace sluice::testing
