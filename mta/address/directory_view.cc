#include "mta/address/directory_view.h"

namespace waxwing::mta {
namespace {

class LiveView : public DirectoryView {
 public:
  explicit LiveView(std::shared_ptr<directory::Directory> directory) : directory_(std::move(directory)) {}
  Result<directory::MatchRef> by_address(std::string_view address, Ask ask) override {
    return directory_->by_address(address, ask);
  }
  Result<directory::MatchRef> by_dn(std::string_view dn, Ask ask) override {
    return directory_->by_dn(dn, ask);
  }
  Result<directory::DomainRef> domain(std::string_view name, Ask ask) override {
    return directory_->domain(name, ask);
  }
  Result<directory::EntriesRef> search(std::string_view ldap_url, Ask ask) override {
    return directory_->search(ldap_url, ask);
  }
  Result<directory::EntriesRef> search_for(std::string_view address_url, std::string_view address,
                                           Ask ask) override {
    return directory_->search_for(address_url, address, ask);
  }
  Result<std::string> search_addresses(std::string_view ldap_url) override {
    return directory_->search_addresses(ldap_url);
  }

 private:
  std::shared_ptr<directory::Directory> directory_;
};

}  // namespace

std::unique_ptr<DirectoryView> view_of(std::shared_ptr<directory::Directory> directory) {
  return std::make_unique<LiveView>(std::move(directory));
}

}  // namespace waxwing::mta
