#include "common/daemon/server_tls.h"

#include <catch2/catch.hpp>

#include <filesystem>

#include "common/base/file.h"
#include "common/base/random.h"

using namespace waxwing;

namespace {
struct Instance {
  std::string root = "/tmp/waxwing daemon " + unique_id();
  Instance() {
    std::filesystem::create_directories(root + "/config");
    std::filesystem::create_directories(root + "/tls");
  }
  ~Instance() { std::filesystem::remove_all(root); }

  void certify() const {
    REQUIRE(make_self_signed({"localhost"}, {root + "/tls/server.pem", root + "/tls/server.key"}));
  }
  std::shared_ptr<const Config> options(const std::string& text) const {
    REQUIRE(replace_file(root + "/config/msg.conf", text));
    auto config = Config::load(root);
    REQUIRE(config);
    return *config;
  }
};
}  // namespace

TEST_CASE("certificates that come later, or change, are taken at a reload") {
  const Instance instance;
  ServerTls tls;
  tls.load(*instance.options(""));
  CHECK(tls.context() == nullptr);
  instance.certify();
  tls.load(*instance.options(""));
  const auto first = tls.context();
  REQUIRE(first);
  tls.load(*instance.options("tls.minimumprotocol = TLSv1.3\n"));
  REQUIRE(tls.context());
  CHECK(tls.context() != first);
}

TEST_CASE("what cannot be used at a reload leaves TLS as it was") {
  const Instance instance;
  instance.certify();
  ServerTls tls;
  tls.load(*instance.options(""));
  const auto first = tls.context();
  REQUIRE(first);
  REQUIRE(replace_file(instance.root + "/tls/server.pem", "no certificate\n"));
  tls.load(*instance.options(""));
  CHECK(tls.context() == first);
  instance.certify();
  tls.load(*instance.options("tls.cipherlist = nonsense\n"));
  CHECK(tls.context() == first);
}
