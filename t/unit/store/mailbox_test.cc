#include <sys/stat.h>

#include "common/spool/message_file.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

TEST_CASE("a delivered message is read back as it was") {
  Sandbox box;
  const auto message = sample("one");
  const auto results = deliver(box.store(), message, {{.user = "bob"}, {.user = "cleo@other.test"}});
  REQUIRE(results.size() == 2);
  for (const auto& result : results) {
    INFO(result.text);
    REQUIRE(result.outcome == Delivered::ok);
    CHECK(result.uid == 1);
  }
  CHECK(results[0].mailbox == "user/bob/INBOX");
  box.reopen();
  const auto mailbox = box.mailbox("bob");
  const auto view = *mailbox->view(true);
  REQUIRE(view->exists() == 1);
  CHECK(view->recent() == 1);
  CHECK(view->first_unseen() == 1);
  const auto info = view->message(1);
  CHECK(info.uid == 1);
  CHECK(info.size == message.size());
  const auto bytes = mailbox->open_message(info);
  REQUIRE(bytes);
  CHECK(*bytes->read(0, bytes->size()) == message);
  const auto cached = mailbox->cached_now(info);
  REQUIRE(cached);
  CHECK(cached->envelope.find("\"one\"") != std::string_view::npos);
  CHECK(cached->preview.starts_with("Hello one"));
  CHECK(cached->headers.find("Subject: one\r\n") != std::string_view::npos);
  CHECK(box.store().quota_usage("bob")->bytes == static_cast<std::int64_t>(message.size()));
}

TEST_CASE("what stands in a message's place and is no file is neither waited for nor followed") {
  Sandbox box;
  deliver(box.store(), sample("one"), {{.user = "bob"}});
  const auto mailbox = box.mailbox("bob");
  const auto info = (*mailbox->view(true))->message(1);
  std::filesystem::path path;
  for (const auto& at : std::filesystem::recursive_directory_iterator(box.root() + "/store"))
    if (at.path().extension() == ".msg") path = at.path();
  REQUIRE_FALSE(path.empty());
  auto elsewhere = path;
  elsewhere += ".elsewhere";
  std::filesystem::rename(path, elsewhere);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_FALSE(mailbox->open_message(info));
  CHECK_FALSE(spool::MessageFile::open(path));
  std::filesystem::remove(path);
  std::filesystem::create_symlink(elsewhere, path);
  CHECK_FALSE(mailbox->open_message(info));
  CHECK_FALSE(spool::MessageFile::open(path));
}

TEST_CASE("one file for all recipients of a partition") {
  Sandbox box;
  const auto results = deliver(box.store(), sample("x"), {{.user = "a"}, {.user = "b"}, {.user = "c"}});
  std::set<std::uint64_t> inodes;
  std::size_t files = 0;
  for (const auto& at : std::filesystem::recursive_directory_iterator(box.root() + "/store"))
    if (at.path().extension() == ".msg") {
      files += 1;
      CHECK(std::filesystem::hard_link_count(at.path()) == 3);
    }
  CHECK(files == 3);
}
