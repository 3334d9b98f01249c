// Where the instance's users are: a private server is prepared, or the site's own gets the first entries.
#pragma once

#include <string>

#include "tools/configure/settings.h"

namespace waxwing::configure {

struct DirectoryLines {
  std::string url;
  std::string options;  // for msg.conf
  std::string secrets;  // for secrets.conf
};

// Whether the site's own directory answers, takes the administrator's password and has the suffix. Nothing is
// asked of a private server, nor with --ldif or --noldap.
Result<> try_directory(const Settings& settings);

// The domain and the account admin exist afterwards. In a private server, which must be stopped, admin has
// the password given now; in the site's own what is there stays as it is.
Result<DirectoryLines> set_up_directory(const Settings& settings, const std::string& stage);

// LDIF of the account admin; and of the domain with its two branches.
Result<std::string> admin_ldif(const Settings& settings);
// Where --ldif puts what has to be added to a site's directory.
std::string ldif_path(const Settings& settings);
std::string domain_ldif(const Settings& settings);

}  // namespace waxwing::configure
