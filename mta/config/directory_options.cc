#include "mta/config/directory_options.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

// The attribute's own name is the option's default, where it has one.
struct AttributeOption {
  Opt option;
  const char* ours;
};
constexpr AttributeOption kAttributes[] = {
    {Opt::LDAP_UID, "uid"},
    {Opt::LDAP_PERSONAL_NAME, "cn"},
    {Opt::LDAP_PRIMARY_ADDRESS, "mail"},
    {Opt::LDAP_ALIAS_ADDRESSES, "mailAlternateAddress"},
    {Opt::LDAP_EQUIVALENCE_ADDRESSES, "mailEquivalentAddress"},
    {Opt::LDAP_MAILHOST, "mailHost"},
    {Opt::LDAP_ROUTING_ADDRESS, "mailRoutingAddress"},
    {Opt::LDAP_USER_STATUS, "inetUserStatus"},
    {Opt::LDAP_USER_MAIL_STATUS, "mailUserStatus"},
    {Opt::LDAP_DELIVERY_OPTION, "mailDeliveryOption"},
    {Opt::LDAP_DISK_QUOTA, "mailQuota"},
    {Opt::LDAP_MESSAGE_QUOTA, "mailMsgQuota"},
    {Opt::LDAP_FORWARDING_ADDRESS, "mailForwardingAddress"},
    {Opt::LDAP_PROGRAM_INFO, "mailProgramDeliveryInfo"},
    {Opt::LDAP_DELIVERY_FILE, "mailDeliveryFileURL"},
    {Opt::LDAP_BLOCKLIMIT, "mailMsgMaxBlocks"},
    {Opt::LDAP_AUTOREPLY_MODE, "mailAutoReplyMode"},
    {Opt::LDAP_AUTOREPLY_SUBJECT, "mailAutoReplySubject"},
    {Opt::LDAP_AUTOREPLY_TEXT, "mailAutoReplyText"},
    {Opt::LDAP_AUTOREPLY_TEXT_INT, "mailAutoReplyTextInternal"},
    {Opt::LDAP_AUTOREPLY_TIMEOUT, "mailAutoReplyTimeOut"},
    {Opt::LDAP_START_DATE, "vacationStartDate"},
    {Opt::LDAP_END_DATE, "vacationEndDate"},
    {Opt::LDAP_REPROCESS, "mailDeferProcessing"},
    {Opt::LDAP_SUBMIT_CHANNEL, "mailSMTPSubmitChannel"},
    {Opt::LDAP_DETOURHOST_OPTIN, "detourHostOptin"},
    {Opt::LDAP_GROUP_MAIL_STATUS, "inetMailGroupStatus"},
    {Opt::LDAP_GROUP_RFC822, "mgrpRFC822MailMember"},
    {Opt::LDAP_GROUP_DN, "uniqueMember"},
    {Opt::LDAP_GROUP_URL1, "mgrpDeliverTo"},
    {Opt::LDAP_GROUP_URL2, "memberURL"},
    {Opt::LDAP_REJECT_ACTION, "mgrpMsgRejectAction"},
    {Opt::LDAP_REJECT_TEXT, "mgrpMsgRejectText"},
    {Opt::LDAP_AUTH_POLICY, "mgrpBroadcasterPolicy"},
    {Opt::LDAP_AUTH_PASSWORD, "mgrpAuthPassword"},
    {Opt::LDAP_AUTH_DOMAIN, "mgrpAllowedDomain"},
    {Opt::LDAP_CANT_DOMAIN, "mgrpDisallowedDomain"},
    {Opt::LDAP_AUTH_URL, "mgrpAllowedBroadcaster"},
    {Opt::LDAP_CANT_URL, "mgrpDisallowedBroadcaster"},
    {Opt::LDAP_MODERATOR_URL, "mgrpModerator"},
    {Opt::LDAP_MAXIMUM_MESSAGE_SIZE, "mgrpMsgMaxSize"},
    {Opt::LDAP_ERRORS_TO, "mgrpErrorsTo"},
    {Opt::LDAP_ADD_HEADER, "mgrpAddHeader"},
    {Opt::LDAP_REMOVE_HEADER, "mgrpRemoveHeader"},
    {Opt::LDAP_ADD_TAG, "mgrpSubjectTag"},
    {Opt::LDAP_PREFIX_TEXT, "mgrpMsgPrefixText"},
    {Opt::LDAP_SUFFIX_TEXT, "mgrpMsgSuffixText"},
    {Opt::LDAP_EXPANDABLE, "expandable"},
    {Opt::LDAP_ATTR_DOMAIN1_SCHEMA2, "sunPreferredDomain"},
    {Opt::LDAP_ATTR_DOMAIN2_SCHEMA2, "associatedDomain"},
    {Opt::LDAP_DOMAIN_ATTR_ALIAS, "aliasedObjectName"},
    {Opt::LDAP_DOMAIN_ATTR_BASEDN, "inetDomainBaseDN"},
    {Opt::LDAP_DOMAIN_ATTR_CANONICAL, "inetCanonicalDomainName"},
    {Opt::LDAP_DOMAIN_ATTR_STATUS, "inetDomainStatus"},
    {Opt::LDAP_DOMAIN_ATTR_MAIL_STATUS, "mailDomainStatus"},
    {Opt::LDAP_DOMAIN_ATTR_ROUTING_HOSTS, "mailRoutingHosts"},
    {Opt::LDAP_DOMAIN_ATTR_SMARTHOST, "mailRoutingSmartHost"},
    {Opt::LDAP_DOMAIN_ATTR_CATCHALL_ADDRESS, "mailDomainCatchallAddress"},
    {Opt::LDAP_DOMAIN_ATTR_BLOCKLIMIT, "mailDomainMsgMaxBlocks"},
};

constexpr Opt kOthers[] = {Opt::ALIAS_MAGIC,
                           Opt::ALIAS_URL0,
                           Opt::ALIAS_URL1,
                           Opt::ALIAS_URL2,
                           Opt::ALIAS_URL3,
                           Opt::DOMAIN_MATCH_URL,
                           Opt::DOMAIN_UPLEVEL,
                           Opt::LDAP_HOST,
                           Opt::LDAP_PORT,
                           Opt::LDAP_TIMEOUT,
                           Opt::LDAP_USERNAME,
                           Opt::LDAP_PASSWORD,
                           Opt::LDAP_USER_ROOT,
                           Opt::LDAP_DOMAIN_ROOT,
                           Opt::LDAP_DEFAULT_DOMAIN,
                           Opt::LDAP_SCHEMALEVEL,
                           Opt::LDAP_SCHEMATAG,
                           Opt::ALIAS_ENTRY_CACHE_SIZE,
                           Opt::ALIAS_ENTRY_CACHE_TIMEOUT,
                           Opt::REVERSE_ADDRESS_CACHE_SIZE};
constexpr std::int64_t kUsualOrder = 8764;

void add_source(AliasOrder& order, AliasSource source) {
  if (std::ranges::find(order.sources, source) == order.sources.end()) order.sources.push_back(source);
}

std::optional<Opt> url_of(int digit) {
  constexpr Opt urls[] = {Opt::ALIAS_URL0, Opt::ALIAS_URL1, Opt::ALIAS_URL2, Opt::ALIAS_URL3};
  return digit >= 6 ? std::optional(urls[digit - 6]) : std::nullopt;
}

void apply_connection(const MtaOptions& options, directory::Settings& settings) {
  if (options.given(Opt::LDAP_HOST)) {
    settings.urls.clear();
    const auto hosts = replace_all(options.text(Opt::LDAP_HOST), ",", " ");
    for (const auto host : split_words(hosts))
      settings.urls.push_back("ldap://" + std::string(host) +
                              (host.find(':') == host.npos ? ":" + options.text(Opt::LDAP_PORT) : ""));
  }
  constexpr std::int64_t ms_of_a_hundredth = 10;
  if (options.given(Opt::LDAP_TIMEOUT))
    settings.search_timeout_ms =
        std::max<std::int64_t>(1, options.number(Opt::LDAP_TIMEOUT)) * ms_of_a_hundredth;
  if (options.given(Opt::LDAP_USERNAME)) settings.bind_dn = options.text(Opt::LDAP_USERNAME);
  if (options.given(Opt::LDAP_PASSWORD)) settings.bind_password = options.text(Opt::LDAP_PASSWORD);
}

void apply_trees(const MtaOptions& options, directory::Settings& settings) {
  if (options.given(Opt::LDAP_USER_ROOT)) settings.base_dn = options.text(Opt::LDAP_USER_ROOT);
  if (options.given(Opt::LDAP_DOMAIN_ROOT)) settings.dc_root = options.text(Opt::LDAP_DOMAIN_ROOT);
  if (options.given(Opt::LDAP_DEFAULT_DOMAIN))
    settings.default_domain = to_lower(options.text(Opt::LDAP_DEFAULT_DOMAIN));
  if (options.given(Opt::LDAP_SCHEMATAG)) settings.schema_tags = options.text(Opt::LDAP_SCHEMATAG);
  if (options.given(Opt::LDAP_SCHEMALEVEL)) {
    settings.schema = options.number(Opt::LDAP_SCHEMALEVEL) == 1 ? 1 : 2;
    settings.dc_tree_first = false;
  }
  const auto entries = std::max(
      options.given(Opt::ALIAS_ENTRY_CACHE_SIZE) ? options.number(Opt::ALIAS_ENTRY_CACHE_SIZE) : 0,
      options.given(Opt::REVERSE_ADDRESS_CACHE_SIZE) ? options.number(Opt::REVERSE_ADDRESS_CACHE_SIZE) : 0);
  if (entries > 0) settings.cache_entries = static_cast<std::size_t>(entries);
  if (options.given(Opt::ALIAS_ENTRY_CACHE_TIMEOUT))
    settings.cache_seconds = std::max<std::int64_t>(0, options.number(Opt::ALIAS_ENTRY_CACHE_TIMEOUT));
}

}  // namespace

std::string directory_options_text(const MtaOptions& options) {
  std::string text;
  const auto add = [&](Opt option) {
    text.append(options.given(option) ? options.text(option) : "").append("\n");
  };
  for (const auto& each : kAttributes) add(each.option);
  for (const auto option : kOthers) add(option);
  return text;
}

Result<AliasOrder> alias_order(const MtaOptions& options) {
  AliasOrder order;
  auto magic = options.number(Opt::ALIAS_MAGIC);
  const bool database = options.flag(Opt::USE_ALIAS_DATABASE);
  if (magic == kUsualOrder) {
    order.sources = {AliasSource::directory, AliasSource::file};
    if (database) order.sources.push_back(AliasSource::database);
    order.urls = {Opt::ALIAS_URL0, Opt::ALIAS_URL1, Opt::ALIAS_URL2};
    return order;
  }
  for (; magic > 0; magic /= 10) {
    const auto digit = static_cast<int>(magic % 10);
    if (digit == 3 && database) add_source(order, AliasSource::database);
    if (digit == 4) add_source(order, AliasSource::file);
    const auto url = url_of(digit);
    if (!url) continue;
    add_source(order, AliasSource::directory);
    if (order.sources.back() != AliasSource::directory)
      return permanent(
          "ALIAS_MAGIC " + options.text(Opt::ALIAS_MAGIC) +
          ": aliases file (4) and alias database (3) stand before the URLs (6 to 9) or behind them, "
          "not between");
    if (std::ranges::find(order.urls, *url) == order.urls.end()) order.urls.push_back(*url);
  }
  return order;
}

Result<> apply_directory_options(const MtaOptions& options, directory::Settings& settings) {
  TRY(const auto order, alias_order(options));
  const bool own_urls = std::ranges::any_of(order.urls, [&](Opt url) { return options.given(url); }) ||
                        (!order.urls.empty() && order.urls.front() != Opt::ALIAS_URL0);
  settings.alias_urls.clear();
  if (own_urls)
    for (const auto url : order.urls)
      if (!options.text(url).empty()) settings.alias_urls.push_back(options.text(url));
  settings.domain_uplevel = static_cast<unsigned>(options.number(Opt::DOMAIN_UPLEVEL)) & 3;
  settings.domain_match_url = options.text(Opt::DOMAIN_MATCH_URL);
  for (const auto& [option, ours] : kAttributes) {
    if (!options.given(option)) continue;
    const auto names = replace_all(options.text(option), ",", " ");
    std::vector<std::string> theirs;
    for (const auto name : split_words(names)) theirs.emplace_back(name);
    settings.names.set(ours, std::move(theirs));
  }
  apply_connection(options, settings);
  apply_trees(options, settings);
  return {};
}

}  // namespace waxwing::mta
