// Files that somebody cuts short while they are mapped: damage, and not the end of the process.
#include <unistd.h>

#include "common/base/path.h"
#include "store/detail/paths.h"
#include "store/mailbox/index_format.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
void cut(const std::string& path, off_t size) {
  REQUIRE(::truncate(path.c_str(), size) == 0);
}
// Everything that a session may do; the answers may be wrong, but there are answers.
void use(Mailbox& mailbox, View& view) {
  (void)mailbox.status();
  (void)mailbox.keywords();
  for (std::uint32_t n = 1; n <= view.exists(); ++n) {
    const auto info = view.message(n);
    (void)view.sequence_of(info.uid);
    (void)mailbox.cached(info);
    (void)mailbox.open_message(info);
  }
  (void)mailbox.store_flags({{1, 100}}, {FlagChange::How::add, kSeen, {}, {}});
  (void)mailbox.expunge({{1, 1}}, true);
  (void)mailbox.append_bytes(sample("x"));
  (void)mailbox.expunged_since(1);
}
}  // namespace

TEST_CASE("an index that is cut short ends its sessions and is made anew") {
  for (const off_t size : {off_t{0}, off_t{kRecordsAt}, off_t{kRecordsAt + 70000 * kRecordBytes / 1000}}) {
    INFO(size);
    Sandbox box;
    {
      const auto mailbox = box.mailbox("bob");
      for (int n = 0; n < 100; ++n) REQUIRE(mailbox->append_bytes(sample(std::to_string(n))));
      const auto view = *mailbox->view(true);
      cut(index_path(mailbox->entry().directory), size);
      use(*mailbox, *view);
      CHECK_FALSE(mailbox->append_bytes(sample("x")));
      if (size < 8192) {  // else its pages are there: the next opening notices
        CHECK(view->stale());
        CHECK(view->sync(true).deleted);
      }
    }
    const auto again = box.mailbox("bob");
    CHECK(again->status().messages == 100);
    CHECK(again->append_bytes(sample("y")));
  }
}

TEST_CASE("a cache that is cut short is made anew from the messages") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  for (int n = 0; n < 100; ++n) REQUIRE(mailbox->append_bytes(sample(std::to_string(n))));
  const auto view = *mailbox->view(true);
  REQUIRE(mailbox->cached_now(view->message(100)));
  cut(cache_path(mailbox->entry().directory, 1), 100);
  for (const int round : {1, 2})
    for (std::uint32_t n = 1; n <= 100; ++n) {
      INFO(round << " " << n);
      const auto cached = mailbox->cached(view->message(n));
      REQUIRE(cached);
      CHECK(cached->envelope.find("\"" + std::to_string(n - 1) + "\"") != std::string_view::npos);
    }
}

TEST_CASE("an account file that is cut short refuses writing until reconstruct made it anew") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  REQUIRE(mailbox->append_bytes(sample("1")));
  const auto view = *mailbox->view(true);
  cut(parent_directory(mailbox->entry().directory) + "/store.usr", 0);
  use(*mailbox, *view);
  const auto refused = mailbox->append_bytes(sample("2"));
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == Code::corrupt);
  CHECK(refused.error().fault == Fault::temporary);
}
