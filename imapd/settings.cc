#include "imapd/settings.h"

#include "common/base/strings.h"
#include "common/base/version.h"

namespace waxwing::imap {
namespace {

// %h host, %p protocol, %P product, %V version: as in the product's other banners.
std::string fill_banner(std::string banner, const std::string& host) {
  banner = replace_all(std::move(banner), "%h", host);
  banner = replace_all(std::move(banner), "%p", "IMAP4");
  banner = replace_all(std::move(banner), "%P", kProduct);
  return replace_all(std::move(banner), "%V", product_version());
}

// "a, b,c": blanks and commas both separate.
std::vector<std::string> words_of(std::string list) {
  const auto blanks = replace_all(std::move(list), ",", " ");
  const auto words = split_words(blanks);
  return {words.begin(), words.end()};
}

}  // namespace

std::shared_ptr<const Settings> Settings::from(const Config& config) {
  auto settings = std::make_shared<Settings>();
  settings->banner = fill_banner(config.text("imap.banner"), config.text("local.hostname"));
  settings->limits_before_login = {.command_bytes = 8192, .literal_bytes = 4096, .discard_bytes = 64 << 10};
  const auto command_bytes = static_cast<std::size_t>(config.number("imap.maxcommand"));
  settings->limits = {.command_bytes = command_bytes,
                      .literal_bytes = command_bytes,
                      .discard_bytes = 64 << 20,
                      .streams_append = true};
  settings->login_timeout_ms = config.number("imap.logintimeout") * 1000;
  settings->idle_timeout_ms = config.number("imap.idletimeout") * 60'000;
  settings->idle_keepalive_ms = config.number("imap.idlekeepalive") * 1000;
  settings->max_sessions = static_cast<std::size_t>(config.number("imap.maxsessions"));
  settings->max_message_bytes = static_cast<std::uint64_t>(config.number("imap.maxmessagesize"));
  settings->search_max_part_bytes = static_cast<std::size_t>(config.number("imap.searchmaxpart"));
  settings->sort_cache_bytes = static_cast<std::size_t>(config.number("imap.sortcache"));
  settings->url_hosts = words_of(to_lower(config.text("imap.urlauth.hosts")));
  if (settings->url_hosts.empty()) settings->url_hosts = {to_lower(config.text("local.hostname"))};
  settings->submit_users = words_of(config.text("imap.submituser"));
  return settings;
}

}  // namespace waxwing::imap
