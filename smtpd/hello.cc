// EHLO, HELO, NOOP, RSET, HELP, QUIT.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

using mta::Kw;

std::string Session::banner() const {
  const auto& options = settings_->options;
  std::string text = (options.banner_host.empty() ? settings_->host : options.banner_host) + " ESMTP";
  if (!options.banner_addition.empty()) text += " " + options.banner_addition;
  return text;
}

std::string Session::extensions() const {
  std::string lines =
      fmt::format("{} greets {}\nPIPELINING\nSIZE {}\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES",
                  settings_->host, helo_, size_limit_);
  if (!channel_->is(Kw::nonotary)) lines += "\nDSN";
  if (!channel_->is(Kw::nochunkingserver)) lines += "\nCHUNKING\nBINARYMIME";
  if (etrn_offered()) lines += "\nETRN";
  lines += extensions_of_channel();
  if (tls_offered()) lines += "\nSTARTTLS";
  if (auth_offered()) {
    const auto mechanisms = server_->authenticator().mechanisms(peer());
    if (!mechanisms.empty()) lines += "\nAUTH " + join(mechanisms, " ");
    // Clients of the nineties look for this.
    if (!mechanisms.empty() && channel_->is(Kw::msexchange)) lines += "\nAUTH=" + join(mechanisms, " ");
  }
  if (!settings_->options.ehlo_addition.empty()) lines += "\n" + settings_->options.ehlo_addition;
  return lines + "\nHELP";
}

Task<void> Session::ehlo(std::string_view argument) {
  if (hello(argument, true)) reply({250, "", extensions()});
  co_return;
}

Task<void> Session::helo(std::string_view argument) {
  if (hello(argument, false)) reply({250, "", settings_->host});
  co_return;
}

bool Session::hello(std::string_view argument, bool esmtp) {
  auto name = mta::protocol::parse_hello(argument,
                                         static_cast<std::size_t>(settings_->options.max_helo_domain_length));
  if (!name) {
    bad_command(name.error());
    return false;
  }
  reset();
  helo_ = std::move(*name);
  esmtp_ = esmtp;
  return true;
}

Task<void> Session::noop(std::string_view) {
  reply({250, "2.0.0", "Ok"});
  co_return;
}

Task<void> Session::rset(std::string_view argument) {
  if (!argument.empty()) {
    bad_command({501, "5.5.4", "RSET takes no argument"});
    co_return;
  }
  reset();
  reply({250, "2.0.0", "Ok"});
}

Task<void> Session::help(std::string_view) {
  reply(
      {214, "2.0.0",
       "Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT\nSTARTTLS AUTH VRFY EXPN HELP; see RFC 5321\n"
       "Questions to postmaster@" +
           settings_->host});
  co_return;
}

Task<void> Session::quit(std::string_view argument) {
  if (!argument.empty()) {
    bad_command({501, "5.5.4", "QUIT takes no argument"});
    co_return;
  }
  end({221, "2.0.0", settings_->host + " closing the connection"});
}

}  // namespace waxwing::smtpd
