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
  settings.must_prioritize = channel.is(Kw::mtprioritiesrequired);
  settings.utf8_header = channel.is(Kw::utf8header);
}
}  // namespace

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
  settings.local_address = channel->word(Kw::interfaceaddress);
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
  if (settings.must_auth || channel->is(Kw::maysaslclient)) {
    settings.user = channel->word(Kw::authusername);
    settings.password = channel->word(Kw::authpassword);
  }
  return settings;
}

}  // namespace waxwing::channels::smtp
