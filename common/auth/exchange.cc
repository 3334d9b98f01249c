// The mechanisms as step machines. A step that would block leaves its machine as it was: the caller repeats
// it on a worker with the same bytes.
#include <algorithm>

#include "common/auth/detail/core.h"
#include "common/auth/detail/mechanisms.h"

namespace waxwing::auth {

struct Exchange::Inner {
  std::shared_ptr<Core> core;
  Peer peer;
  std::unique_ptr<Mechanism> mechanism;
};

Exchange::Exchange(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Exchange::Exchange(Exchange&&) noexcept = default;
Exchange& Exchange::operator=(Exchange&&) noexcept = default;
Exchange::~Exchange() = default;

Exchange Authenticator::begin(const Peer& peer) {
  return Exchange(std::make_unique<Exchange::Inner>(Exchange::Inner{core_, peer, nullptr}));
}

Step Exchange::start(std::string_view mechanism, std::optional<std::string_view> initial, Ask ask) {
  const auto name = to_upper(mechanism);
  auto& core = *inner_->core;
  const bool plain = name == "PLAIN" || name == "LOGIN";
  const bool listed = std::ranges::find(core.settings.mechanisms, name) != core.settings.mechanisms.end();
  if (listed && plain && !core.plain_text_allowed(inner_->peer))
    return failed(Reason::encryption_required, name + " without TLS");
  const auto offered = core.mechanisms(inner_->peer);
  if (std::ranges::find(offered, name) == offered.end())
    return failed(Reason::unknown_mechanism, "mechanism " + printable(mechanism, 40) + " is not offered");
  inner_->mechanism = make_mechanism(name, core, inner_->peer);
  return inner_->mechanism->begin(initial, ask);
}

Step Exchange::step(std::string_view response, Ask ask) {
  if (!inner_->mechanism) return failed(Reason::malformed, "an answer before any mechanism was started");
  return inner_->mechanism->step(response, ask);
}

}  // namespace waxwing::auth
