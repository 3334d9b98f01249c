#include "channels/native_master/delivery_file.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::channels;

namespace {
Result<std::string> path(const std::string& address, const std::string& folders = "files /var/lists") {
  mta::queue::Recipient recipient;
  recipient.address = address;
  recipient.intermediate = "list@example.test";
  CHECK(is_delivery_file(recipient));
  return delivery_file_path(recipient, folders, "/w");
}
}  // namespace

TEST_CASE("files of groups: where they may be") {
  CHECK(path("+/var/lists/all@native-daemon").value_or("") == "/var/lists/all");
  CHECK(path("+/w/files/all/@native-daemon").value_or("") == "/w/files/all/");
  CHECK(path("+file:///var/lists/a%20b@native-daemon").value_or("") == "/var/lists/a b");
  CHECK(path("+file:/var/lists/x@native-daemon").value_or("") == "/var/lists/x");
  CHECK(path("\"+/var/lists/a b\"@native-daemon").value_or("") == "/var/lists/a b");
  CHECK(path("+file:///var/lists/100%@native-daemon").value_or("") == "/var/lists/100%");
  for (const char* bad :
       {"+/etc/passwd@native-daemon", "+/var/lists@native-daemon", "+/var/lists/@native-daemon",
        "+/var/lists/../../etc/passwd@native-daemon", "+/var/lists/./x@native-daemon", "+x@native-daemon",
        "+/var/lists//x@native-daemon", "+file:///var/lists/%2e%2e/x@native-daemon", "+@native-daemon",
        "+file:///var/lists/a%00b@native-daemon", "+file://host@native-daemon",
        "+/var/listsx/y@native-daemon", "+file:///var/lists/%0ax@native-daemon"}) {
    INFO(bad);
    CHECK_FALSE(path(bad));
  }
  CHECK_FALSE(path("+/var/lists/x@native-daemon", ""));
}

TEST_CASE("files of groups: nobody names one in an address") {
  mta::queue::Recipient user;
  user.address = "+/var/lists/x@native-daemon";
  for (const char* before : {"", "+/var/lists/x@native.test", "\"+/var/lists/x\"@native.test"}) {
    user.intermediate = before;
    CHECK_FALSE(is_delivery_file(user));
  }
  user.address = "joe@native-daemon";
  CHECK_FALSE(is_delivery_file(user));
}
