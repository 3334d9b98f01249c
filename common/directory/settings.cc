// Settings of the directory from the options of msg.conf.
#include "common/base/strings.h"
#include "common/config/config.h"
#include "common/directory/directory.h"

namespace waxwing::directory {

namespace {
// local.ugldaphost held "host", "host:port" or several of them; directory.urls holds URLs. Both are read.
std::string to_url(std::string_view server, const Config& config) {
  if (server.find("://") != std::string_view::npos) return std::string(server);
  const bool ssl = config.flag("directory.ssl");
  std::string url = (ssl ? "ldaps://" : "ldap://") + std::string(server);
  const bool has_port = server.find(':') != std::string_view::npos && !server.ends_with(']');
  if (!has_port) {
    const auto port = config.number("directory.port");
    url += ":" + std::to_string(port != 0 ? port : ssl ? 636 : 389);
  }
  return url;
}
}  // namespace

Result<Settings> Settings::from(const Config& config) {
  Settings settings;
  const auto urls = replace_all(config.text("directory.urls"), ",", " ");
  for (const auto server : split_words(urls)) settings.urls.push_back(to_url(server, config));
  settings.bind_dn = config.text("directory.binddn");
  settings.bind_password = config.text("directory.bindpassword");
  settings.base_dn = config.text("directory.basedn");
  settings.default_domain = to_lower(config.text("local.defaultdomain"));
  settings.login_separators = config.text("directory.loginseparator");
  const auto schema = config.text("directory.schema");
  settings.schema = schema == "1" ? 1 : 2;
  settings.dc_tree_first = schema == "1.5";
  settings.dc_root = config.text("directory.dcroot");
  settings.user_filter = config.text("directory.userfilter");
  const auto attributes = replace_all(config.text("directory.attributes"), ",", " ");
  for (const auto name : split_words(attributes)) settings.extra_attributes.emplace_back(name);
  settings.schema_tags = config.text("directory.schematag");
  const auto renamed = replace_all(config.text("directory.names"), ",", " ");
  for (const auto pair : split_words(renamed)) {
    const auto equals = pair.find('=');
    if (equals == pair.npos || equals == 0 || equals + 1 == pair.size())
      return permanent("directory.names: '" + printable(pair) +
                       "' is not of the form ours=theirs, as in mailHost=relayHost");
    settings.names.set(std::string(pair.substr(0, equals)), {std::string(pair.substr(equals + 1))});
  }
  settings.start_tls = config.flag("directory.starttls");
  settings.tls_ca_file = config.path("directory.cafile");
  settings.tls_verify = config.flag("directory.verify");
  settings.connect_timeout_ms = config.number("directory.connecttimeout") * 1000;
  settings.search_timeout_ms = config.number("directory.searchtimeout") * 1000;
  settings.connections = static_cast<std::size_t>(config.number("directory.poolsize"));
  settings.connection_age_seconds = config.number("directory.poolrefresh");
  settings.retry_max_ms = config.number("directory.retrymax") * 1000;
  settings.cache_entries = static_cast<std::size_t>(config.number("directory.cachesize"));
  settings.cache_seconds = config.number("directory.cachetime");
  settings.login_seconds = config.number("directory.logintime");
  settings.negative_seconds = config.number("directory.negativetime");
  settings.stale_seconds = config.number("directory.staletime");
  return settings;
}

Result<std::shared_ptr<Directory>> Directory::open(const Config& config) {
  TRY(auto settings, Settings::from(config));
  return open(std::move(settings));
}

}  // namespace waxwing::directory
