// What is asked of stored where it cannot be reached.
#include "store/list/connection.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <limits>

#include "common/base/file.h"
#include "common/net/seqpacket.h"
#include "store/store.h"
#include "t/unit/skip.h"

using namespace waxwing;
using namespace waxwing::store;

namespace {

constexpr std::int64_t kForEver = std::numeric_limits<std::int32_t>::max();

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/waxwing-connection-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { (void)remove_tree(path); }
};

std::string refused(const std::string& socket) {
  Connection connection(socket, {});
  const auto answer = connection.ask(Record("list"), kForEver);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().fault == Fault::temporary);
  CHECK(code_of(answer.error()) == Code::unavailable);
  CHECK(answer.error().text.find(socket) != std::string::npos);
  // Asked again while it is known.
  CHECK_FALSE(connection.ask(Record("list"), kForEver));
  return answer.error().text;
}

}  // namespace

TEST_CASE("a question that no waiting brings an answer to ends at once, and says what to do") {
  const Folder folder;
  REQUIRE(replace_file(folder.path + "/file", "x"));
  CHECK(refused(folder.path + "/file/stored").find("see what it is, and take it away") != std::string::npos);
  CHECK(refused(folder.path + "/" + std::string(300, 'x') + "/stored").find("a shorter path") !=
        std::string::npos);
}

TEST_CASE("so does one whose socket is not for us") {
  if (::geteuid() == 0) return skipped("root may use every socket");
  const Folder folder;
  const auto listener = listen_unix(folder.path + "/stored", 0);
  REQUIRE(listener);
  CHECK(refused(folder.path + "/stored").find("run this as the user") != std::string::npos);
}

TEST_CASE("one that may be answered yet waits") {
  const Folder folder;
  Connection connection(folder.path + "/stored", {});
  const auto answer = connection.ask(Record("list"), 1);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().text.find("is it running?") != std::string::npos);
}
