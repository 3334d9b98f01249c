// The TLS that the servers of an instance speak: the tls.* options and the files they name.
#pragma once

#include <memory>
#include <string>

#include "common/base/current.h"
#include "common/config/config.h"
#include "common/net/tls.h"

namespace waxwing {

// Thread-safe.
class ServerTls {
 public:
  // Reads options and files anew, at the start and at every reload. What cannot be used is logged and changes
  // nothing: a server that had certificates goes on with those, one that had none goes on in clear. Answers
  // why they cannot be used; nothing when all is well.
  std::string load(const Config& config);
  // Null until load() has succeeded: TLS is not offered then. A session keeps what it got.
  std::shared_ptr<const TlsServer> context() const { return context_.get(); }

 private:
  Current<TlsServer> context_;
};

// Of certificates that have ended or will in two weeks; empty when there is none.
std::string certificate_warning(const Config& config);

}  // namespace waxwing
