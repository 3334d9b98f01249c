// What address resolution asks of the directory: a narrow face, so that tests can bring their own.
#pragma once

#include <memory>
#include <string_view>

#include "common/directory/directory.h"

namespace waxwing::mta {

using directory::Ask;

// Each function as in directory::Directory; thread-safe.
class DirectoryView {
 public:
  virtual ~DirectoryView() = default;
  virtual Result<directory::MatchRef> by_address(std::string_view address, Ask ask) = 0;
  virtual Result<directory::MatchRef> by_dn(std::string_view dn, Ask ask) = 0;
  virtual Result<directory::DomainRef> domain(std::string_view name, Ask ask) = 0;
  virtual Result<directory::EntriesRef> search(std::string_view ldap_url, Ask ask) = 0;
  virtual Result<directory::EntriesRef> search_for(std::string_view address_url, std::string_view address,
                                                   Ask ask) = 0;
  virtual Result<std::string> search_addresses(std::string_view ldap_url) = 0;
};

std::unique_ptr<DirectoryView> view_of(std::shared_ptr<directory::Directory> directory);

}  // namespace waxwing::mta
