// AUTH as a client: EXTERNAL with our certificate, PLAIN or LOGIN with the host's login.
#include <fmt/format.h>

#include "channels/tcp_smtp_client/connection.h"
#include "common/base/strings.h"

namespace waxwing::channels::smtp {

// The last answer of the exchange that fits what we have and the peer offers; code 0 when none does.
Task<Result<mta::Verdict>> Connection::log_in(const ClientSettings::Login* login) {
  const auto timeout = settings_->options.status_mail_receive_ms;
  const bool certified = stream_.is_tls() && !settings_->certificate.certificate_file.empty();
  if (certified && !settings_->external_identity.empty() && features_.auth_external) {
    auto reply = co_await ask("AUTH EXTERNAL " + to_base64(settings_->external_identity), timeout);
    co_return reply;
  }
  if (login && features_.auth_plain) {
    std::string secret("\0", 1);
    secret.append(login->user).append("\0", 1).append(login->password);
    auto reply = co_await ask("AUTH PLAIN " + to_base64(secret), timeout);
    co_return reply;
  }
  if (!login || !features_.auth_login) co_return mta::Verdict{0, "", ""};
  auto reply = co_await ask("AUTH LOGIN", timeout);
  hides_ = true;
  const std::string words[] = {login->user, login->password};
  for (const auto& word : words) {
    if (!reply || reply->code != 334) break;
    auto next = co_await ask(to_base64(word), timeout);
    reply = std::move(next);
  }
  hides_ = false;
  co_return reply;
}

Task<Result<>> Connection::authenticate() {
  const auto* login = login_for(*settings_, target_.destination, target_.name);
  const bool ours = login || !settings_->external_identity.empty();
  const bool private_enough =
      stream_.is_tls() || target_.address.starts_with("127.") || target_.address == "::1";
  mta::Verdict answer{0, "", ""};
  if (ours && private_enough) {
    auto reply = co_await log_in(login);
    CO_TRY(answer, std::move(reply));
  }
  authenticated_ = answer.code == 235;
  if (authenticated_ || (answer.code == 0 && !settings_->must_auth)) co_return Result<>();
  if (answer.code != 0)
    co_return temporary(fmt::format("4.7.8 {} refused our login: {}", where(), reply_text(answer)));
  co_return temporary(fmt::format("4.7.0 {}: AUTH is required, but {}", where(),
                                  !ours ? "there is no login for it: see smtp.client.login"
                                  : !private_enough
                                      ? "the connection has no TLS"
                                      : "it offers none of EXTERNAL, PLAIN and LOGIN that we could use"));
}

}  // namespace waxwing::channels::smtp
