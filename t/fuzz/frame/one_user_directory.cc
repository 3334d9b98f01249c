// In the programs of this folder this stands in for common/directory: a directory in which there is one user,
// joe.
#include "common/base/strings.h"
#include "common/directory/directory.h"

namespace waxwing::directory {

struct Directory::Inner {
  Settings settings;
  UserRef joe;
};

Directory::Directory(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Directory::~Directory() = default;

Result<std::shared_ptr<Directory>> Directory::open(Settings settings) {
  auto domain = std::make_shared<Domain>();
  domain->name = "example.com";
  auto user = std::make_shared<User>();
  user->uid = user->store_name = "joe";
  user->dn = "uid=joe,o=example.com,o=isp";
  user->mail = "joe@example.com";
  user->domain = domain;
  user->passwords = {"secret"};
  auto inner = std::make_unique<Inner>(Inner{std::move(settings), std::move(user)});
  return std::shared_ptr<Directory>(new Directory(std::move(inner)));
}

Result<UserRef> Directory::user_by_login(std::string_view login, Ask) {
  return iequals(login, "joe") ? inner_->joe : nullptr;
}
bool Directory::expire_user(std::string_view) {
  return false;
}
Result<bool> Directory::verify_bind(const std::string&, const std::string& password) {
  return password == "secret";
}
// What no target asks.
Result<MatchRef> Directory::by_address(std::string_view, Ask) {
  return bug("not in this directory");
}
Result<MatchRef> Directory::by_dn(std::string_view, Ask) {
  return bug("not in this directory");
}
Result<DomainRef> Directory::domain(std::string_view, Ask) {
  return DomainRef();
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
