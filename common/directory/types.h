// User, Group and Domain: what the directory says, read once and then shared without a lock.
//
// Every struct is immutable behind a shared_ptr<const ...>. Attribute names stand beside the fields; what
// has no field is in entry (userPassword never is). Strings that name things (status, delivery options,
// reject actions) are lower-cased; addresses keep their spelling.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/directory/entry.h"

namespace waxwing::directory {

// mailUserStatus, inetUserStatus, mailDomainStatus, inetDomainStatus, inetMailGroupStatus.
//   active     mail is taken and may be read
//   inactive   4xx for mail, no login: will come back
//   deleted    5xx for mail, no login; removed: the mailbox has been purged too
//   hold       mail goes to the hold channel, no login
//   overquota  mail is refused by quota (4xx), login allowed
//   disabled   5xx for mail, no login
//   unused     the account exists without mail: 5xx, no login
enum class Status { active, inactive, deleted, removed, hold, overquota, disabled, unused };
const char* to_string(Status status);
// Case-blind; nothing when the word is unknown.
std::optional<Status> parse_status(std::string_view word);

// mailQuota and its kin. -1 unlimited, -2 (or absent) the system default.
inline constexpr std::int64_t kUnlimited = -1;
inline constexpr std::int64_t kSystemDefault = -2;

struct Domain {
  std::string dn;
  std::string name;                  // canonical, lower case: sunPreferredDomain
  std::vector<std::string> aliases;  // associatedDomain (Schema 1: the alias asked for), lower case
  bool vanity =
      false;  // DOMAIN_MATCH_URL knows it: no entry of its own, and users' entries are in other domains
  std::string base_dn;                             // users and groups are below: inetDomainBaseDN, else dn
  Status status = Status::active;                  // inetDomainStatus unless active, then mailDomainStatus
  std::string search_filter;                       // inetDomainSearchFilter; empty: the default
  std::string uid_separator;                       // domainUidSeparator
  std::vector<std::string> routing_hosts;          // mailRoutingHosts
  std::string routing_smart_host;                  // mailRoutingSmartHost
  std::string catchall_address;                    // mailDomainCatchallAddress
  std::string conversion_tag;                      // mailDomainConversionTag
  std::string report_address;                      // mailDomainReportAddress
  std::vector<std::string> sieve;                  // mailDomainSieveRuleSource
  std::string allowed_service_access;              // mailDomainAllowedServiceAccess, filters joined by $
  std::string welcome_message;                     // mailDomainWelcomeMessage
  std::string preferred_mail_host;                 // preferredMailHost
  std::string preferred_store;                     // preferredMailMessageStore
  std::string language;                            // preferredLanguage
  std::int64_t disk_quota_bytes = kUnlimited;      // mailDomainDiskQuota
  std::int64_t message_quota = kUnlimited;         // mailDomainMsgQuota
  std::optional<std::int64_t> message_max_blocks;  // mailDomainMsgMaxBlocks
  Entry entry;
};
using DomainRef = std::shared_ptr<const Domain>;

struct User {
  std::string dn;
  std::string uid;
  // The name in the store: uid in the default domain, uid@domain in every other one.
  std::string store_name;
  DomainRef domain;         // never null
  std::string common_name;  // cn
  std::string mail;
  std::vector<std::string> alternate_addresses;    // mailAlternateAddress
  std::vector<std::string> equivalent_addresses;   // mailEquivalentAddress
  std::string mail_host;                           // mailHost; empty: no host named
  std::string routing_address;                     // mailRoutingAddress
  Status status = Status::active;                  // inetUserStatus unless active, then mailUserStatus
  std::vector<std::string> delivery_options;       // mailDeliveryOption; {"mailbox"} when absent
  std::vector<std::string> forwarding_addresses;   // mailForwardingAddress
  std::vector<std::string> program_delivery;       // mailProgramDeliveryInfo
  std::string delivery_file_url;                   // mailDeliveryFileURL
  std::string partition;                           // mailMessageStore
  std::int64_t quota_bytes = kSystemDefault;       // mailQuota
  std::int64_t message_quota = kSystemDefault;     // mailMsgQuota
  std::optional<std::int64_t> message_max_blocks;  // mailMsgMaxBlocks
  std::vector<std::string> sieve;                  // mailSieveRuleSource
  std::string allowed_service_access;              // mailAllowedServiceAccess, filters joined by $
  std::string submit_channel;                      // mailSMTPSubmitChannel
  std::string conversion_tag;                      // mailConversionTag
  std::string defer_processing;                    // mailDeferProcessing
  std::string language;                            // preferredLanguage
  std::vector<std::string> passwords;              // userPassword: for common/auth only
  Entry entry;
};
using UserRef = std::shared_ptr<const User>;

struct Group {
  std::string dn;
  std::string common_name;
  DomainRef domain;  // null when found by DN outside every domain
  std::string mail;
  std::vector<std::string> alternate_addresses;
  std::vector<std::string> equivalent_addresses;
  std::string mail_host;                             // mailHost
  Status status = Status::active;                    // inetMailGroupStatus
  std::vector<std::string> delivery_options;         // mailDeliveryOption; {"members"} when absent
  std::vector<std::string> forwarding_addresses;     // mailForwardingAddress
  std::vector<std::string> program_delivery;         // mailProgramDeliveryInfo
  std::string delivery_file_url;                     // mailDeliveryFileURL
  std::vector<std::string> rfc822_members;           // mgrpRFC822MailMember, rfc822MailMember
  std::vector<std::string> member_dns;               // uniqueMember, member
  std::vector<std::string> member_urls;              // mgrpDeliverTo, memberURL
  std::string reject_action;                         // mgrpMsgRejectAction
  std::string reject_text;                           // mailRejectText, mgrpMsgRejectText: first line
  std::vector<std::string> broadcaster_policy;       // mgrpBroadcasterPolicy, one word each, lower case
  std::vector<std::string> allowed_domains;          // mgrpAllowedDomain
  std::vector<std::string> disallowed_domains;       // mgrpDisallowedDomain
  std::vector<std::string> allowed_broadcasters;     // mgrpAllowedBroadcaster
  std::vector<std::string> disallowed_broadcasters;  // mgrpDisallowedBroadcaster
  std::optional<std::int64_t> message_max_bytes;     // mgrpMsgMaxSize
  std::string auth_password;                         // mgrpAuthPassword
  std::vector<std::string> moderators;               // mgrpModerator
  std::string errors_to;                             // mgrpErrorsTo
  std::string request_to;                            // mgrpRequestTo
  std::string subject_tag;                           // mgrpSubjectTag
  std::string defer_processing;                      // mailDeferProcessing, lower case
  std::vector<std::string> add_headers;              // mgrpAddHeader
  std::vector<std::string> remove_headers;           // mgrpRemoveHeader
  std::string prefix_text;                           // mgrpMsgPrefixText
  std::string suffix_text;                           // mgrpMsgSuffixText
  bool no_duplicate_checks = false;                  // mgrpNoDuplicateChecks
  std::optional<bool> expandable;                    // expandable: EXPN
  std::string member_visibility;                     // mgmanMemberVisibility, lower case
  Entry entry;
};
using GroupRef = std::shared_ptr<const Group>;

}  // namespace waxwing::directory
