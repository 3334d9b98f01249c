// Files of version 1 as they were written once: every later program must read them as this one does.
#include <fcntl.h>

#include "common/base/path.h"
#include "common/base/strings.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"
#include "store/mailbox/next_index.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
struct Piece {
  const char* file;
  std::uint64_t offset;
  const char* base64;
};
#include "t/unit/store/golden_v1.inc"
}  // namespace

// Writes the files anew: WAXWING_GOLDEN names a folder. Only for a new version of the format.
TEST_CASE("make golden files", "[.golden]") {
  const char* to = std::getenv("WAXWING_GOLDEN");
  REQUIRE(to != nullptr);
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  for (const auto* subject : {"1", "2", "3", "4"})
    REQUIRE(mailbox->append_bytes(sample(subject), 0, 1700000000));
  REQUIRE(mailbox->expunge({{4, 4}}, false));
  REQUIRE(*std::static_pointer_cast<MailboxFiles>(mailbox)->purge(1LL << 40));
  REQUIRE(mailbox->store_flags({{2, 2}}, {FlagChange::How::add, kFlagged, {"$Forwarded", "kw"}, {}}));
  REQUIRE(mailbox->expunge({{1, 1}}, false));
  const auto directory = mailbox->entry().directory;
  for (const auto* name : {"store.idx", "store.c2", "store.exp"})
    std::filesystem::copy_file(directory + "/" + name, std::string(to) + "/" + name);
  std::filesystem::copy_file(parent_directory(directory) + "/store.usr", std::string(to) + "/store.usr");
}

TEST_CASE("files of version 1 are read") {
  const std::string root = std::filesystem::temp_directory_path() / ("waxwing-golden-" + unique_id());
  const auto directory = root + "/F0";
  REQUIRE(make_directories(directory));
  for (const auto& piece : kGolden) {
    const auto path = (std::string(piece.file) == "store.usr" ? root : directory) + "/" + piece.file;
    const auto fd = open_file(path, O_RDWR | O_CREAT);
    REQUIRE(fd);
    REQUIRE(write_at(fd->get(), piece.offset, *from_base64(piece.base64)));
  }
  const auto account = Account::open(root);
  INFO((account ? "" : account.error().text));
  REQUIRE(account);
  CHECK((*account)->user() == "bob");
  MailboxEntry entry;
  entry.name = *MailboxName::make("bob", "INBOX");
  entry.directory = directory;
  const auto opened = MailboxFiles::open(entry, root, *account, std::make_shared<Surroundings>());
  INFO((opened ? "" : opened.error().text));
  REQUIRE(opened);
  const auto view = *(*opened)->view(false);
  REQUIRE(view->exists() == 2);
  CHECK(view->uid(1) == 2);
  CHECK(view->uidnext() == 5);
  CHECK(view->message(1).flags == kFlagged);
  CHECK(view->message(1).keywords.has(1));
  CHECK(view->message(1).internal_date == 1700000000);
  CHECK(view->message(1).size == sample("2").size());
  CHECK((*opened)->keywords() == std::vector<std::string>{"$Forwarded", "kw"});
  const auto cached = (*opened)->cached_now(view->message(2));
  REQUIRE(cached);
  CHECK(cached->envelope.find("\"3\"") != std::string_view::npos);
  CHECK((*opened)->expunged_since(1) == UidSet{{1, 1}, {4, 4}});
  (void)remove_tree(root);
}
