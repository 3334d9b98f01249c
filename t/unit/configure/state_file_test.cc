#include "tools/configure/state_file.h"

#include <catch2/catch.hpp>

#include <filesystem>

#include "common/base/file.h"
#include "common/base/random.h"

using namespace waxwing;
using namespace waxwing::configure;

TEST_CASE("what a state file does not say is as documented, and nothing runs as root for it") {
  const std::string path = "/tmp/waxwing state " + unique_id();
  REQUIRE(replace_file(path, "# nothing but\nFqdn.TextField = mail.siroe.test\n"));
  const auto settings = read_state_file(path);
  std::filesystem::remove(path);
  REQUIRE(settings);
  CHECK(settings->host_name == "mail.siroe.test");
  CHECK(settings->user == "mailsrv");
  CHECK(settings->group == "mail");
  CHECK(settings->data_path == "/var/opt/waxwing");
}
