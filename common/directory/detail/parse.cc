#include "common/directory/detail/parse.h"

#include <algorithm>
#include <unordered_set>

#include "common/base/strings.h"

namespace waxwing::directory {

namespace {
std::unexpected<Error> malformed(const Entry& entry, std::string_view attribute, std::string_view value,
                                 const std::string& wanted) {
  return temporary("entry " + printable(entry.dn) + ": " + std::string(attribute) + " is '" +
                   printable(value, 60) + "', which is not " + wanted + "; correct the entry");
}

std::string text_of(const Entry& entry, std::string_view attribute) {
  return std::string(entry.first(attribute));
}

std::vector<std::string> lowered(const std::vector<std::string>& values) {
  std::vector<std::string> result;
  for (const auto& value : values) result.push_back(to_lower(trim(value)));
  return result;
}

std::vector<std::string> all_of(const Entry& entry, std::initializer_list<std::string_view> names) {
  std::vector<std::string> result;
  std::unordered_set<std::string_view> seen;
  for (const auto name : names)
    for (const auto& value : entry.values(name))
      if (seen.insert(value).second) result.push_back(value);
  return result;
}

std::string first_line(std::string_view text) {
  return std::string(trim(text.substr(0, text.find('\n'))));
}

Result<std::optional<std::int64_t>> number_of(const Entry& entry, std::string_view attribute,
                                              std::int64_t least) {
  const auto value = trim(entry.first(attribute));
  if (value.empty()) return std::nullopt;
  const auto number = to_number<std::int64_t>(value);
  if (!number || *number < least)
    return malformed(entry, attribute, value, "a number from " + std::to_string(least));
  return *number;
}

Result<std::optional<bool>> flag_of(const Entry& entry, std::string_view attribute) {
  const auto value = trim(entry.first(attribute));
  if (value.empty()) return std::nullopt;
  for (const auto* word : {"yes", "true", "1", "on"})
    if (iequals(value, word)) return true;
  for (const auto* word : {"no", "false", "0", "off"})
    if (iequals(value, word)) return false;
  return malformed(entry, attribute, value, "yes or no");
}

// The first of the attributes whose status is not active.
Result<Status> status_of(const Entry& entry, std::initializer_list<std::string_view> attributes) {
  for (const auto attribute : attributes) {
    const auto value = trim(entry.first(attribute));
    if (value.empty()) continue;
    const auto status = parse_status(value);
    if (!status)
      return malformed(entry, attribute, value,
                       "active, inactive, deleted, removed, hold, overquota, disabled or unused");
    if (*status != Status::active) return *status;
  }
  return Status::active;
}

void drop_password(Entry& entry) {
  std::erase_if(entry.attributes, [](const auto& pair) { return iequals(pair.first, "userPassword"); });
}

constexpr std::string_view kMemberAttributes[] = {"uniqueMember", "member", "mgrpRFC822MailMember",
                                                  "rfc822MailMember"};

constexpr std::string_view kRecipientAttributes[] = {"objectClass",
                                                     "cn",
                                                     "uid",
                                                     "userPassword",
                                                     "mail",
                                                     "mailAlternateAddress",
                                                     "mailEquivalentAddress",
                                                     "mailHost",
                                                     "mailRoutingAddress",
                                                     "mailUserStatus",
                                                     "inetUserStatus",
                                                     "mailDeliveryOption",
                                                     "mailQuota",
                                                     "mailMsgQuota",
                                                     "mailForwardingAddress",
                                                     "mailProgramDeliveryInfo",
                                                     "mailDeliveryFileURL",
                                                     "mailMessageStore",
                                                     "mailMsgMaxBlocks",
                                                     "mailAutoReplyMode",
                                                     "mailAutoReplySubject",
                                                     "mailAutoReplyText",
                                                     "mailAutoReplyTextInternal",
                                                     "mailAutoReplyTimeOut",
                                                     "vacationStartDate",
                                                     "vacationEndDate",
                                                     "mailSieveRuleSource",
                                                     "mailAllowedServiceAccess",
                                                     "mailSMTPSubmitChannel",
                                                     "mailConversionTag",
                                                     "mailDeferProcessing",
                                                     "mailAntiUBEService",
                                                     "preferredLanguage",
                                                     "inetMailGroupStatus",
                                                     "mgrpRFC822MailMember",
                                                     "rfc822MailMember",
                                                     "uniqueMember",
                                                     "member",
                                                     "mgrpDeliverTo",
                                                     "memberURL",
                                                     "mgrpMsgRejectAction",
                                                     "mailRejectText",
                                                     "mgrpMsgRejectText",
                                                     "mgrpBroadcasterPolicy",
                                                     "mgrpAllowedDomain",
                                                     "mgrpDisallowedDomain",
                                                     "mgrpAllowedBroadcaster",
                                                     "mgrpDisallowedBroadcaster",
                                                     "mgrpMsgMaxSize",
                                                     "mgrpAuthPassword",
                                                     "mgrpModerator",
                                                     "mgrpErrorsTo",
                                                     "mgrpRequestTo",
                                                     "mgrpSubjectTag",
                                                     "mgrpAddHeader",
                                                     "mgrpRemoveHeader",
                                                     "mgrpMsgPrefixText",
                                                     "mgrpMsgSuffixText",
                                                     "mgrpNoDuplicateChecks",
                                                     "expandable",
                                                     "mgmanMemberVisibility"};

constexpr std::string_view kDomainAttributes[] = {"objectClass",
                                                  "o",
                                                  "sunPreferredDomain",
                                                  "associatedDomain",
                                                  "inetDomainBaseDN",
                                                  "inetDomainStatus",
                                                  "mailDomainStatus",
                                                  "inetCanonicalDomainName",
                                                  "inetDomainSearchFilter",
                                                  "inetDomainCertMap",
                                                  "domainUidSeparator",
                                                  "mailRoutingHosts",
                                                  "mailRoutingSmartHost",
                                                  "mailDomainDiskQuota",
                                                  "mailDomainMsgQuota",
                                                  "mailDomainCatchallAddress",
                                                  "mailDomainConversionTag",
                                                  "mailDomainAllowedServiceAccess",
                                                  "mailDomainReportAddress",
                                                  "mailDomainSieveRuleSource",
                                                  "mailDomainWelcomeMessage",
                                                  "mailClientAttachmentQuota",
                                                  "mailDomainMsgMaxBlocks",
                                                  "preferredMailHost",
                                                  "preferredMailMessageStore",
                                                  "preferredLanguage",
                                                  "aliasedObjectName"};
}  // namespace

const char* to_string(Status status) {
  constexpr const char* names[] = {"active", "inactive",  "deleted",  "removed",
                                   "hold",   "overquota", "disabled", "unused"};
  return names[static_cast<int>(status)];
}

std::optional<Status> parse_status(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(Status::unused); ++i)
    if (iequals(word, to_string(static_cast<Status>(i)))) return static_cast<Status>(i);
  return std::nullopt;
}

bool is_user(const Entry& entry) {
  return entry.has_object_class("inetMailUser") || entry.has_object_class("nsMessagingServerUser");
}

bool is_group(const Entry& entry) {
  return entry.has_object_class("inetMailGroup") || entry.has_object_class("mailGroup");
}

std::string recipient_filter(std::string_view tags) {
  constexpr std::pair<std::string_view, std::string_view> classes[] = {
      {"ims50", "inetLocalMailRecipient"}, {"ims50", "inetMailUser"},  {"ims50", "inetMailGroup"},
      {"sims40", "inetMailRouting"},       {"nms41", "mailRecipient"}, {"nms41", "mailGroup"}};
  std::string filter = "(|";
  for (const auto& [tag, name] : classes)
    for (const auto wanted : split(tags, ','))
      if (iequals(trim(wanted), tag)) filter.append("(objectClass=").append(name).append(")");
  return filter + ")";
}

std::span<const std::string_view> recipient_attributes() {
  return kRecipientAttributes;
}
std::span<const std::string_view> domain_attributes() {
  return kDomainAttributes;
}

namespace {
// What the store calls this user; an error where no mailbox can have that name.
Result<std::string> store_name_of(const Entry& entry, const std::string& uid, const Domain& domain,
                                  std::string_view default_domain) {
  if (uid.empty())
    return temporary("entry " + printable(entry.dn) + ": a mail user needs the attribute uid; add it");
  if (uid.find('/') != std::string::npos || uid.find('\0') != std::string::npos)
    return malformed(entry, "uid", uid, "a name without / and NUL");
  const bool at_home =
      iequals(domain.name, default_domain) ||
      std::ranges::any_of(domain.aliases, [&](const auto& name) { return iequals(name, default_domain); });
  // "joe@other.example" is how the store calls joe of that domain: no uid of ours may be read as somebody
  // else's mailboxes.
  if (const auto at = uid.rfind('@'); at_home && at != std::string::npos) {
    const auto behind = std::string_view(uid).substr(at + 1);
    const auto ours = [&](const auto& name) { return iequals(name, behind); };
    if (!ours(domain.name) && std::ranges::none_of(domain.aliases, ours))
      return malformed(entry, "uid", uid, "a name that does not end in @ and a domain of others");
  }
  return to_lower(uid) + (at_home ? "" : "@" + domain.name);
}
}  // namespace

Result<User> parse_user(Entry entry, DomainRef domain, std::string_view default_domain) {
  User user;
  user.dn = entry.dn;
  user.uid = text_of(entry, "uid");
  TRY(user.store_name, store_name_of(entry, user.uid, *domain, default_domain));
  user.domain = std::move(domain);
  user.common_name = text_of(entry, "cn");
  user.mail = text_of(entry, "mail");
  user.alternate_addresses = entry.values("mailAlternateAddress");
  user.equivalent_addresses = entry.values("mailEquivalentAddress");
  user.mail_host = to_lower(trim(entry.first("mailHost")));
  user.routing_address = text_of(entry, "mailRoutingAddress");
  TRY(user.status, status_of(entry, {"inetUserStatus", "mailUserStatus"}));
  user.delivery_options = lowered(entry.values("mailDeliveryOption"));
  if (user.delivery_options.empty()) user.delivery_options = {"mailbox"};
  user.forwarding_addresses = entry.values("mailForwardingAddress");
  user.program_delivery = entry.values("mailProgramDeliveryInfo");
  user.delivery_file_url = text_of(entry, "mailDeliveryFileURL");
  user.partition = text_of(entry, "mailMessageStore");
  TRY(const auto quota, number_of(entry, "mailQuota", kSystemDefault));
  user.quota_bytes = quota.value_or(kSystemDefault);
  TRY(const auto messages, number_of(entry, "mailMsgQuota", kSystemDefault));
  user.message_quota = messages.value_or(kSystemDefault);
  TRY(user.message_max_blocks, number_of(entry, "mailMsgMaxBlocks", 0));
  user.sieve = entry.values("mailSieveRuleSource");
  user.allowed_service_access = join(entry.values("mailAllowedServiceAccess"), "$");
  user.submit_channel = text_of(entry, "mailSMTPSubmitChannel");
  user.conversion_tag = join(entry.values("mailConversionTag"), ",");
  user.defer_processing = text_of(entry, "mailDeferProcessing");
  user.language = text_of(entry, "preferredLanguage");
  user.passwords = entry.values("userPassword");
  drop_password(entry);
  user.entry = std::move(entry);
  return user;
}

Result<Group> parse_group(Entry entry, DomainRef domain) {
  Group group;
  group.dn = entry.dn;
  group.common_name = text_of(entry, "cn");
  group.domain = std::move(domain);
  group.mail = text_of(entry, "mail");
  group.alternate_addresses = entry.values("mailAlternateAddress");
  group.equivalent_addresses = entry.values("mailEquivalentAddress");
  group.mail_host = to_lower(trim(entry.first("mailHost")));
  TRY(group.status, status_of(entry, {"inetMailGroupStatus"}));
  group.delivery_options = lowered(entry.values("mailDeliveryOption"));
  if (group.delivery_options.empty()) group.delivery_options = {"members"};
  group.forwarding_addresses = entry.values("mailForwardingAddress");
  group.program_delivery = entry.values("mailProgramDeliveryInfo");
  group.delivery_file_url = text_of(entry, "mailDeliveryFileURL");
  group.rfc822_members = all_of(entry, {"mgrpRFC822MailMember", "rfc822MailMember"});
  group.member_dns = all_of(entry, {"uniqueMember", "member"});
  group.member_urls = all_of(entry, {"mgrpDeliverTo", "memberURL"});
  group.reject_action = to_lower(trim(entry.first("mgrpMsgRejectAction")));
  group.reject_text =
      first_line(entry.first(entry.has("mailRejectText") ? "mailRejectText" : "mgrpMsgRejectText"));
  for (const auto& value : entry.values("mgrpBroadcasterPolicy"))
    for (const auto word : split(value, ','))
      if (!trim(word).empty()) group.broadcaster_policy.push_back(to_lower(trim(word)));
  group.allowed_domains = entry.values("mgrpAllowedDomain");
  group.disallowed_domains = entry.values("mgrpDisallowedDomain");
  group.allowed_broadcasters = entry.values("mgrpAllowedBroadcaster");
  group.disallowed_broadcasters = entry.values("mgrpDisallowedBroadcaster");
  TRY(group.message_max_bytes, number_of(entry, "mgrpMsgMaxSize", 0));
  group.auth_password = text_of(entry, "mgrpAuthPassword");
  group.moderators = entry.values("mgrpModerator");
  group.errors_to = text_of(entry, "mgrpErrorsTo");
  group.request_to = text_of(entry, "mgrpRequestTo");
  group.subject_tag = text_of(entry, "mgrpSubjectTag");
  group.defer_processing = to_lower(trim(entry.first("mailDeferProcessing")));
  group.add_headers = entry.values("mgrpAddHeader");
  group.remove_headers = entry.values("mgrpRemoveHeader");
  group.prefix_text = text_of(entry, "mgrpMsgPrefixText");
  group.suffix_text = text_of(entry, "mgrpMsgSuffixText");
  TRY(const auto duplicates, flag_of(entry, "mgrpNoDuplicateChecks"));
  group.no_duplicate_checks = duplicates.value_or(false);
  group.member_visibility = to_lower(trim(entry.first("mgmanMemberVisibility")));
  TRY(group.expandable, flag_of(entry, "expandable"));
  drop_password(entry);
  // There may be a hundred thousand of them: once is enough.
  std::erase_if(entry.attributes, [](const auto& pair) {
    return std::ranges::any_of(kMemberAttributes, [&](auto name) { return iequals(pair.first, name); });
  });
  group.entry = std::move(entry);
  return group;
}

Result<Domain> parse_domain(Entry entry, std::string_view asked) {
  Domain domain;
  domain.dn = entry.dn;
  domain.name = to_lower(trim(entry.first("sunPreferredDomain")));
  if (domain.name.empty()) domain.name = to_lower(trim(entry.first("inetCanonicalDomainName")));
  if (domain.name.empty()) domain.name = to_lower(asked);
  domain.aliases = lowered(entry.values("associatedDomain"));
  if (!iequals(asked, domain.name) &&
      std::ranges::find(domain.aliases, to_lower(asked)) == domain.aliases.end())
    domain.aliases.push_back(to_lower(asked));
  std::erase(domain.aliases, domain.name);
  domain.base_dn = entry.has("inetDomainBaseDN") ? text_of(entry, "inetDomainBaseDN") : entry.dn;
  TRY(domain.status, status_of(entry, {"inetDomainStatus", "mailDomainStatus"}));
  domain.search_filter = text_of(entry, "inetDomainSearchFilter");
  domain.uid_separator = text_of(entry, "domainUidSeparator");
  domain.routing_hosts = lowered(entry.values("mailRoutingHosts"));
  domain.routing_smart_host = text_of(entry, "mailRoutingSmartHost");
  domain.catchall_address = text_of(entry, "mailDomainCatchallAddress");
  domain.conversion_tag = join(entry.values("mailDomainConversionTag"), ",");
  domain.report_address = text_of(entry, "mailDomainReportAddress");
  domain.sieve = entry.values("mailDomainSieveRuleSource");
  domain.allowed_service_access = join(entry.values("mailDomainAllowedServiceAccess"), "$");
  domain.welcome_message = text_of(entry, "mailDomainWelcomeMessage");
  domain.preferred_mail_host = text_of(entry, "preferredMailHost");
  domain.preferred_store = text_of(entry, "preferredMailMessageStore");
  domain.language = text_of(entry, "preferredLanguage");
  TRY(const auto quota, number_of(entry, "mailDomainDiskQuota", kSystemDefault));
  domain.disk_quota_bytes = quota.value_or(kUnlimited);
  TRY(const auto messages, number_of(entry, "mailDomainMsgQuota", kSystemDefault));
  domain.message_quota = messages.value_or(kUnlimited);
  TRY(domain.message_max_blocks, number_of(entry, "mailDomainMsgMaxBlocks", 0));
  drop_password(entry);
  domain.entry = std::move(entry);
  return domain;
}

}  // namespace waxwing::directory
