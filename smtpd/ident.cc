// identtcp and its kin: the name that the peer's ident service gives the connection (RFC 1413). What it says is
// the peer's word and goes nowhere but into Received:.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/log/log.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

using mta::Kw;

namespace {
constexpr int kIdentPort = 113;
constexpr std::int64_t kIdentMs = 5000;   // in which the client waits for its greeting
constexpr std::size_t kLineBytes = 1000;  // RFC 1413 §4
constexpr std::size_t kMostName = 64;

// "user" of "25, 40000 : USERID : UNIX : user"; empty for an error.
std::string user_of(std::string_view answer) {
  const auto pieces = split(answer, ':');
  if (pieces.size() < 4 || !iequals(trim(pieces[1]), "USERID")) return {};
  return std::string(trim(pieces[3]).substr(0, kMostName));
}
}  // namespace

Task<void> Session::ask_ident() {
  const bool wanted = channel_->is(Kw::identtcp) || channel_->is(Kw::identtcpnumeric) ||
                      channel_->is(Kw::identtcpsymbolic) || channel_->is(Kw::identtcplimited);
  if (!wanted) co_return;
  auto connected =
      co_await connect_tcp(stream_.loop(), peer_address_, kIdentPort, kIdentMs, stream_.local_address());
  if (!connected) co_return;
  connected->set_timeout_ms(kIdentMs);
  connected->write(fmt::format("{}, {}\r\n", stream_.peer_port(), stream_.local_port()));
  auto line = co_await connected->read_line(kLineBytes, LineEnd::crlf_or_lf);
  if (line) ident_ = user_of(*line);
  connected->close();
  log::Event("smtp.ident").with("sid", sid_).with("user", ident_).debug();
}

}  // namespace waxwing::smtpd
