// The last step of a delivery, when others are at the mailbox.
#include <fcntl.h>

#include "store/detail/mapping.h"
#include "store/detail/paths.h"
#include "store/mailbox/draft.h"
#include "store/mailbox/files.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
struct Landed {
  Sandbox box;
  std::shared_ptr<MailboxFiles> mailbox = std::static_pointer_cast<MailboxFiles>(box.mailbox("bob"));
  Draft draft = *box.store().begin_delivery();
  std::optional<Landing> landing;

  Landed() {
    REQUIRE(draft.write(sample("waiting")));
    auto incoming = incoming_from(draft.inner(), {});
    REQUIRE(incoming);
    std::vector<Incoming> one{std::move(*incoming)};
    auto landed = mailbox->land(one, {});
    REQUIRE(landed);
    landing.emplace(std::move(*landed));
    durable::Batch batch;
    landing->add_to(batch);
    REQUIRE(durable::commit(std::move(batch)));
  }
  // As another process sees the index.
  UniqueFd index() { return *open_file(index_path(mailbox->directory()), O_RDWR); }
};
}  // namespace

TEST_CASE("a mailbox that is held by another process is not waited for, and published to later") {
  Landed it;
  const auto other = it.index();
  REQUIRE(lock_byte(other.get(), kLockAt));
  CHECK(it.landing->try_publish() == false);
  CHECK(it.mailbox->status().messages == 0);
  unlock_byte(other.get(), kLockAt);
  CHECK(it.landing->try_publish() == true);
  CHECK(it.mailbox->status().messages == 1);
}

TEST_CASE("a mailbox that is held by another thread is not waited for") {
  Landed it;
  {
    const auto held = it.mailbox->lock();
    REQUIRE(held);
    CHECK(it.landing->try_publish() == false);
  }
  CHECK(it.landing->try_publish() == true);
  CHECK(it.mailbox->status().messages == 1);
}

TEST_CASE("a mailbox that must be mended first is left to who has the time") {
  Landed it;
  auto& header = it.mailbox->generation()->index->header();
  put(header.busy, 1u);  // of a writer that was killed
  CHECK(it.landing->try_publish() == false);
  CHECK(header.busy == 1);
  CHECK(it.landing->publish());
  CHECK(it.mailbox->status().messages == 1);
  CHECK(header.busy == 0);
}
