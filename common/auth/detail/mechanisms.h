// One class a mechanism. Private to common/auth.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/auth/detail/core.h"

namespace waxwing::auth {

inline constexpr std::size_t kMaxResponseBytes = 8192;

class Mechanism {
 public:
  Mechanism(Core& core, const Peer& peer) : core_(core), peer_(peer) {}
  virtual ~Mechanism() = default;
  // Both may be repeated with the same bytes after would_block.
  virtual Step begin(std::optional<std::string_view> initial, Ask ask) = 0;
  virtual Step step(std::string_view response, Ask ask) = 0;

 protected:
  Core& core_;
  const Peer& peer_;
};

// name: upper case, one that mechanisms() offers.
std::unique_ptr<Mechanism> make_mechanism(std::string_view name, Core& core, const Peer& peer);
// plus: SCRAM-SHA-256-PLUS, which is bound to the TLS connection.
std::unique_ptr<Mechanism> make_scram(Core& core, const Peer& peer, bool plus);

// The login in a certificate's subject (RFC 2253 form, or OpenSSL's old /A=b/C=d): the value of the first
// part with this name. Empty when there is none.
std::string login_of_subject(std::string_view subject, std::string_view part);

}  // namespace waxwing::auth
