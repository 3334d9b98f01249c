// Bits that flip on the disk in what the store keeps about a message: noticed before it is believed.
#include <fcntl.h>

#include "common/base/file.h"
#include "common/base/path.h"
#include "store/detail/paths.h"
#include "store/mailbox/account.h"
#include "store/mailbox/index_format.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
void flip(const std::string& path, std::uint64_t at) {
  const auto fd = open_file(path, O_RDWR);
  REQUIRE(fd);
  char byte = 0;
  REQUIRE(read_at(fd->get(), at, &byte, 1));
  byte = static_cast<char>(byte ^ 1);
  REQUIRE(write_at(fd->get(), at, std::string_view(&byte, 1)));
}
}  // namespace

TEST_CASE("a record that rots under a session gives no body, and no copy, until reconstruct") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  for (int n = 0; n < 3; ++n) REQUIRE(mailbox->append_bytes(sample(std::to_string(n))));
  const auto view = *mailbox->view(true);
  flip(index_path(mailbox->entry().directory), kRecordsAt + kRecordBytes + offsetof(IndexRecord, size));
  const auto opened = mailbox->open_message(view->message(2));
  REQUIRE_FALSE(opened);
  CHECK(code_of(opened.error()) == Code::corrupt);
  CHECK(opened.error().text.find("UID 2") != std::string::npos);
  CHECK(mailbox->open_message(view->message(1)));
  CHECK(mailbox->open_message(view->message(3)));
  const auto copied = mailbox->copy({{1, 3}}, *mailbox, {});
  REQUIRE_FALSE(copied);
  CHECK(code_of(copied.error()) == Code::corrupt);
  CHECK(mailbox->status().messages == 3);
}

TEST_CASE("an account file whose version rots is damaged, not of a newer release") {
  Sandbox box;
  const auto directory = parent_directory(box.mailbox("bob")->entry().directory);
  flip(directory + "/store.usr", offsetof(AccountHeader, version) + 2);
  const auto opened = Account::open(directory);
  REQUIRE_FALSE(opened);
  CHECK(code_of(opened.error()) == Code::corrupt);
}
