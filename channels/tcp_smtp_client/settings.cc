#include "channels/tcp_smtp_client/settings.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::channels::smtp {

using mta::Kw;

namespace {
mta::RouteOptions route_options(const Config& config, const mta::MtaConfig& mta_config,
                                const mta::Channel& channel, const mta::TcpOptions& options) {
  mta::RouteOptions route;
  route.use_mx = !channel.is(Kw::nomx) && !channel.is(Kw::nodns);
  route.random_mx = !channel.is(Kw::nonrandommx);
  route.port = static_cast<int>(channel.number(Kw::port, config.number("smtp.client.port")));
  route.last_resort = channel.word(Kw::lastresort);
  route.max_mx = static_cast<std::size_t>(options.max_mx_records);
  route.max_addresses = static_cast<std::size_t>(options.max_a_records);
  if (channel.is(Kw::noloopcheck)) return route;
  route.own_names = {mta_config.local_host(), config.text("local.hostname")};
  route.is_own = [own = mta::interface_addresses(), server = config.number("smtp.port")](
                     const std::string& address, int port) {
    return port == server && std::ranges::find(own, address) != own.end();
  };
  return route;
}
}  // namespace

namespace {
void more_keywords(const mta::Channel& channel, ClientSettings& settings) {
  settings.streaming = static_cast<int>(channel.number(Kw::streaming, -1));
  settings.etrn_host = channel.word(Kw::sendetrn);
  if (channel.is(Kw::localvrfy)) settings.verify = ClientSettings::Verify::local;
  if (channel.is(Kw::domainvrfy)) settings.verify = ClientSettings::Verify::full;
  settings.name_servers = channel.words(Kw::nameservers);
  settings.remember_failures = !channel.is(Kw::nocache) && !channel.is(Kw::cachesuccesses);
  settings.keep_connections = !channel.is(Kw::nocache) && !channel.is(Kw::cachefailures);
  settings.dsn = !channel.is(Kw::nonotary);
  settings.debug = channel.is(Kw::master_debug);
  settings.must_prioritize = channel.is(Kw::mtprioritiesrequired);
  settings.utf8_header = channel.is(Kw::utf8header);
}
}  // namespace

namespace {
// smtp.client.login.HOST = user:password, and the channel's own login for all other hosts.
Result<> take_logins(const Config& config, const mta::Channel& channel, ClientSettings& settings) {
  settings.may_auth = settings.must_auth || channel.is(Kw::maysaslclient);
  settings.pass_auth = channel.is(Kw::saslpassauth);
  settings.external_identity = channel.word(Kw::externalidentity);
  settings.certificate = {config.path("smtp.client.certificate"), config.path("smtp.client.key")};
  settings.ca_file = config.path("smtp.client.ca_file");
  if (!settings.may_auth) return {};
  for (const auto& [host, login] : config.starred("smtp.client.login.*")) {
    const auto colon = login.find(':');
    if (colon == 0 || colon == login.npos)
      return permanent("smtp.client.login." + host + " takes user:password");
    settings.logins[to_lower(host)] = {login.substr(0, colon), login.substr(colon + 1)};
  }
  if (channel.is(Kw::authusername))
    settings.logins[""] = {std::string(channel.word(Kw::authusername)),
                           std::string(channel.word(Kw::authpassword))};
  return {};
}
}  // namespace

std::optional<std::string> local_address_for(const ClientSettings& settings, std::string_view address) {
  if (settings.local_addresses.empty()) return "";
  const auto is_v6 = [](std::string_view text) { return text.find(':') != text.npos; };
  for (const auto& local : settings.local_addresses)
    if (is_v6(local) == is_v6(address)) return local;
  return std::nullopt;
}

const ClientSettings::Login* login_for(const ClientSettings& settings, std::string_view destination,
                                       std::string_view host) {
  if (settings.logins.empty()) return nullptr;
  for (const auto name : {destination, host}) {
    for (auto rest = to_lower(name); !rest.empty();) {
      if (const auto at = settings.logins.find(rest); at != settings.logins.end()) return &at->second;
      const auto dot = rest.find('.');
      rest = dot == rest.npos || name.starts_with('[') ? std::string() : rest.substr(dot + 1);
    }
  }
  const auto usual = settings.logins.find("");
  return usual == settings.logins.end() ? nullptr : &usual->second;
}

Result<ClientSettings> client_settings(const Config& config, const mta::MtaConfig& mta_config,
                                       const std::string& name) {
  const mta::Channel* channel = mta_config.channel(name);
  if (!channel) return permanent("channel " + name + " is not in imta.cnf");
  ClientSettings settings;
  const auto file = name + "_option";
  TRY(settings.options, mta::parse_tcp_options(mta_config.text(file), file));
  settings.route = route_options(config, mta_config, *channel, settings.options);
  if (channel->is(Kw::daemon)) {
    settings.fixed_host = channel->word(Kw::daemon);
    // The channel's official host name is the smart host.
    if (iequals(settings.fixed_host, "router")) settings.fixed_host = channel->tag();
  }
  if (channel->is(Kw::interfaceaddress))
    for (const auto address : split(channel->word(Kw::interfaceaddress), ','))
      settings.local_addresses.emplace_back(trim(address));
  settings.helo = channel->is(Kw::local_host_alias) ? std::string(channel->word(Kw::local_host_alias))
                                                    : mta_config.local_host();
  if (channel->is(Kw::maytlsclient)) settings.tls = TlsPolicy::may;
  if (channel->is(Kw::musttlsclient)) settings.tls = TlsPolicy::must;
  if (channel->is(Kw::eightbit)) settings.eight_bit = EightBit::as_it_is;
  if (channel->is(Kw::sevenbit)) settings.eight_bit = EightBit::never;
  settings.ehlo = !channel->is(Kw::noehlo);
  settings.only_if_esmtp = channel->is(Kw::checkehlo);
  settings.chunking = !channel->is(Kw::nochunkingclient);
  settings.remove_routes = channel->is(Kw::dequeue_removeroute);
  settings.loop_check = !channel->is(Kw::noloopcheck);
  settings.must_auth = channel->is(Kw::mustsaslclient);
  more_keywords(*channel, settings);
  TRY_VOID(take_logins(config, *channel, settings));
  return settings;
}

}  // namespace waxwing::channels::smtp
