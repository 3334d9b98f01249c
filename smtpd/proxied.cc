// Connections that somebody passes on: PROXY headers in front of them, and the command XCLIENT. Who may say whose a
// connection is stands in smtp.proxy.hosts and smtp.xclient.hosts.
#include <fmt/format.h>

#include "common/auth/access.h"
#include "common/base/strings.h"
#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "common/mail/address.h"
#include "common/net/block_list.h"
#include "common/net/proxy_header.h"
#include "mta/policy/access.h"
#include "smtpd/listed.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

namespace {

constexpr std::int64_t kHeaderMs = 10'000;

// "IPV6:2001:db8::1", "192.0.2.1"; empty when that is no address.
std::string numeric(std::string_view text) {
  if (istarts_with(text, "IPV6:")) text.remove_prefix(5);
  const auto family = text.find(':') == text.npos ? "TCP4" : "TCP6";
  const auto line = fmt::format("PROXY {} {} {} 0 0\r\n", family, text, text);
  const auto header = parse_proxy_header(line);
  return header && *header ? (*header)->client_address : std::string();
}

}  // namespace

// The dispatcher has asked the block lists about the proxy.
Task<bool> Session::is_on_block_list() {
  const auto& zones = server_->service().block_lists;
  if (zones.empty() || peer_address_ == split(transport_info_, '|')[1]) co_return false;
  auto& resolver = server_->resolver(stream_.loop());
  auto listing = co_await find_listing(resolver, zones, peer_address_);
  if (!listing) co_return false;
  log::Event("smtp.proxied.listed")
      .with("sid", sid_)
      .with("peer", transport_info_)
      .with("zone", listing->zone)
      .with("text", listing->text)
      .notice();
  const auto text = listing->text.empty() ? "" : ": " + listing->text;
  stream_.write(fmt::format("554 5.7.1 [{}] is listed by {}{}\r\n", peer_address_, listing->zone, text));
  co_return true;
}

// PORT_ACCESS has seen the proxy only: now it is asked about the client.
Task<bool> Session::may_connect() {
  const auto pieces = split(transport_info_, '|');
  const std::string server_ip(pieces[1]), client_ip(pieces[3]);
  const auto server_port = to_number<int>(pieces[2]).value_or(0),
             client_port = to_number<int>(pieces[4]).value_or(0);
  auto ask = [&](directory::Ask patience) {
    const mta::Lookup lookup{*settings_->config, &server_->submitter()->view(), patience};
    return mta::check_port_access(lookup, server_ip, server_port, client_ip, client_port);
  };
  auto verdict = co_await directory::patiently(server_->workers(), ask);
  if (verdict && verdict->accept) {
    const bool listed = co_await is_on_block_list();
    co_return !listed;
  }
  log::Event("smtp.proxied.refused").with("sid", sid_).with("peer", transport_info_).notice();
  const auto text = verdict ? verdict->text : std::string();
  stream_.write((text.empty() ? "421 4.3.0 Connection cannot be checked now, try again later" : text) +
                "\r\n");
  co_return false;
}

void Session::set_peer(const std::string& client, int client_port, const std::string& server,
                       int server_port) {
  peer_address_ = client;
  transport_info_ = fmt::format("TCP|{}|{}|{}|{}", server, server_port, client, client_port);
}

// True: the header was there and its client may connect.
Task<bool> Session::read_proxy_header() {
  stream_.set_timeout_ms(kHeaderMs);
  auto header = co_await stream_.take_proxy_header();
  if (!header) {
    if (header.error().fault == Fault::temporary) co_return false;  // gone, or silent
    log::Event("smtp.proxy.bad")
        .with("sid", sid_)
        .with("peer", transport_info_)
        .with("error", header.error().text)
        .notice();
    co_return false;
  }
  const auto found = std::move(*header);
  if (found.client_address.empty()) co_return true;
  log::Event("smtp.proxy")
      .with("sid", sid_)
      .with("by", transport_info_)
      .with("for", found.client_address)
      .information();
  set_peer(found.client_address, found.client_port, found.server_address, found.server_port);
  auto allowed = co_await may_connect();
  co_return allowed;
}

bool Session::comes_by_proxy() const {
  return is_listed(settings_->proxy_hosts, peer_address_);
}

bool Session::xclient_offered() const {
  return is_listed(settings_->xclient_hosts, first_address_);
}

// Attributes of one command; values are xtext, [UNAVAILABLE] and [TEMPUNAVAIL] say nothing.
std::optional<Verdict> Session::take_xclient(std::string_view argument) {
  const auto pieces = split(transport_info_, '|');
  std::string server(pieces[1]), client = peer_address_, name;
  int server_port = to_number<int>(pieces[2]).value_or(0),
      client_port = to_number<int>(pieces[4]).value_or(0);
  for (const auto word : split_words(argument)) {
    auto rest = word;
    const auto attribute = to_upper(take_until(rest, '='));
    const auto decoded = mail::decode_xtext(rest);
    if (!decoded || rest.empty()) return Verdict{501, "5.5.4", "Syntax: XCLIENT attribute=value ..."};
    const auto& value = *decoded;
    const bool unknown = iequals(value, "[UNAVAILABLE]") || iequals(value, "[TEMPUNAVAIL]");
    const auto port = to_number<int>(value);
    const bool is_port = port && *port >= 0 && *port <= 65535;
    if (attribute == "ADDR" && (unknown || !(client = numeric(value)).empty())) continue;
    if (attribute == "DESTADDR" && (unknown || !(server = numeric(value)).empty())) continue;
    if (attribute == "PORT" && (unknown || is_port))
      client_port = port.value_or(0);
    else if (attribute == "DESTPORT" && (unknown || is_port))
      server_port = port.value_or(0);
    else if (attribute == "NAME")
      name = unknown ? "" : value;
    else if (attribute == "HELO")
      continue;  // its EHLO follows
    else if (attribute == "PROTO" && (unknown || iequals(value, "SMTP") || iequals(value, "ESMTP")))
      continue;
    else
      return Verdict{501, "5.5.4", "Bad attribute or value: " + printable(word, 60)};
  }
  if (!name.empty() && !mail::is_smtp_domain(name, false))
    return Verdict{501, "5.5.4", "NAME takes a host name"};
  set_peer(client, client_port, server, server_port);
  host_name_ = std::make_shared<std::string>(name);
  *claimed_name_ = "";
  return std::nullopt;
}

Task<void> Session::xclient(std::string_view argument) {
  if (!xclient_offered()) {
    bad_command({550, "5.7.0", "XCLIENT is not for you"});
    co_return;
  }
  if (in_transaction()) {
    bad_command({503, "5.5.1", "Not within a transaction"});
    co_return;
  }
  if (auto refused = take_xclient(argument)) {
    bad_command(std::move(*refused));
    co_return;
  }
  log::Event("smtp.xclient")
      .with("sid", sid_)
      .with("by", first_address_)
      .with("for", peer_address_)
      .information();
  // As for a new connection.
  helo_.clear();
  esmtp_ = false;
  identity_.reset();
  auto allowed = co_await may_connect();
  over_ = !allowed;
  if (!allowed) co_return;
  co_await switch_channel();
  reply({220, "", banner()});
}

}  // namespace waxwing::smtpd
