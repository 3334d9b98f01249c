// In the programs of this folder this stands in for common/directory: a directory in which there is one domain,
// example.com, one user, joe, and one group, team, of joe and somebody elsewhere.
#include "common/base/strings.h"
#include "common/directory/directory.h"

namespace waxwing::directory {

struct Directory::Inner {
  Settings settings;
  DomainRef domain;
  UserRef joe;
  GroupRef team;
};

Directory::Directory(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Directory::~Directory() = default;

namespace {
DomainRef example_com() {
  auto domain = std::make_shared<Domain>();
  domain->name = "example.com";
  domain->dn = domain->base_dn = "o=example.com,o=isp";
  return domain;
}

UserRef joe_of(const DomainRef& domain) {
  auto user = std::make_shared<User>();
  user->uid = user->store_name = "joe";
  user->dn = "uid=joe,o=example.com,o=isp";
  user->mail = "joe@example.com";
  user->domain = domain;
  user->delivery_options = {"mailbox"};
  user->passwords = {"secret"};
  return user;
}

GroupRef team_of(const DomainRef& domain) {
  auto group = std::make_shared<Group>();
  group->dn = "cn=team,o=example.com,o=isp";
  group->mail = "team@example.com";
  group->domain = domain;
  group->delivery_options = {"members"};
  group->rfc822_members = {"joe@example.com", "ann@example.test"};
  return group;
}
}  // namespace

Result<std::shared_ptr<Directory>> Directory::open(Settings settings) {
  const auto domain = example_com();
  auto inner = std::make_unique<Inner>(Inner{std::move(settings), domain, joe_of(domain), team_of(domain)});
  return std::shared_ptr<Directory>(new Directory(std::move(inner)));
}

Result<UserRef> Directory::user_by_login(std::string_view login, Ask) {
  return iequals(login, "joe") ? inner_->joe : nullptr;
}
Result<UserRef> Directory::user_by_name(std::string_view login, Ask ask) {
  return user_by_login(login, ask);
}
Result<UserRef> Directory::user_by_dn(std::string_view dn, Ask) {
  return dn == inner_->joe->dn ? inner_->joe : nullptr;
}
Directory::KnownUser Directory::known_user(std::string_view dn) {
  return {.known = true, .fresh = true, .user = dn == inner_->joe->dn ? inner_->joe : nullptr};
}
bool Directory::expire_user(std::string_view) {
  return false;
}
Result<bool> Directory::verify_bind(const std::string&, const std::string& password) {
  return password == "secret";
}
Result<MatchRef> Directory::by_address(std::string_view address, Ask) {
  auto match = std::make_shared<Match>();
  const auto at = address.rfind('@');
  if (at == address.npos || iequals(address.substr(at + 1), "example.com")) match->domain = inner_->domain;
  const auto local = address.substr(0, at);
  if (match->domain && iequals(local, "joe")) match->user = inner_->joe;
  if (match->domain && iequals(local, "team")) match->group = inner_->team;
  if (match->found()) match->matched_by = MatchedBy::mail;
  return match;
}
Result<DomainRef> Directory::domain(std::string_view name, Ask) {
  return iequals(name, "example.com") ? inner_->domain : nullptr;
}
// What no target asks.
Result<MatchRef> Directory::by_dn(std::string_view, Ask) {
  return bug("not in this directory");
}
Result<EntriesRef> Directory::search_for(std::string_view, std::string_view, Ask) {
  return bug("not in this directory");
}
Result<EntriesRef> Directory::search(std::string_view, Ask, std::size_t) {
  return bug("not in this directory");
}
Result<std::string> Directory::search_addresses(std::string_view) {
  return bug("not in this directory");
}
void Directory::flush() {}
Counters Directory::counters() const {
  return {};
}
const Settings& Directory::settings() const {
  return inner_->settings;
}

}  // namespace waxwing::directory
