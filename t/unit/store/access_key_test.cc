#include "store/access_keys.h"

#include "common/base/failpoint.h"
#include "common/base/strings.h"
#include "store/mailbox/key_file.h"
#include "t/unit/bad_disk.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

TEST_CASE("a key file of version 1") {
  // As the first program wrote it.
  const auto golden = *from_base64("V3hLZXkKAAABAAAAIAAAAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f") +
                      *from_hex("5e1b8159301e6481");
  std::string key;
  for (char c = 0; c < 32; ++c) key += c;
  CHECK(encode_key(key) == golden);
  REQUIRE(decode_key(golden));
  CHECK(*decode_key(golden) == key);
  for (std::size_t size = 0; size < golden.size(); ++size) {
    const auto cut = decode_key(std::string_view(golden).substr(0, size));
    REQUIRE_FALSE(cut);
    CHECK(code_of(cut.error()) == Code::corrupt);
  }
  for (std::size_t at = 0; at < golden.size(); ++at) {
    auto damaged = golden;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CHECK_FALSE(decode_key(damaged));
  }
  CHECK_FALSE(decode_key(golden + "x"));
}

TEST_CASE("access keys of mailboxes") {
  Sandbox box;
  auto& store = box.store();
  const auto inbox = *MailboxName::make("bob", "INBOX"), drafts = *MailboxName::make("bob", "Drafts");
  CHECK(code_of(make_access_key(store, inbox).error()) == Code::nonexistent);
  REQUIRE(store.create(inbox));
  REQUIRE(store.create(drafts));
  CHECK(access_key(store, inbox)->empty());

  const auto key = make_access_key(store, inbox);
  REQUIRE(key);
  CHECK(key->size() == kAccessKeyBytes);
  CHECK(*make_access_key(store, inbox) == *key);
  CHECK(*access_key(store, inbox) == *key);
  CHECK(access_key(store, drafts)->empty());
  const auto other = *make_access_key(store, drafts);
  CHECK(other != *key);

  REQUIRE(renew_access_key(store, inbox));
  CHECK(*access_key(store, inbox) != *key);
  CHECK(*access_key(store, drafts) == other);

  REQUIRE(remove_access_keys(store, "bob"));
  CHECK(access_key(store, inbox)->empty());
  CHECK(access_key(store, drafts)->empty());
  REQUIRE(remove_access_keys(store, "bob"));
}

TEST_CASE("a damaged access key is made anew, and counts for nothing until then") {
  Sandbox box;
  auto& store = box.store();
  const auto inbox = *MailboxName::make("bob", "INBOX");
  const auto entry = store.create(inbox);
  REQUIRE(entry);
  const auto key = *make_access_key(store, inbox);
  REQUIRE(replace_file(key_path(entry->directory), encode_key(key).substr(0, 40)));
  CHECK(code_of(access_key(store, inbox).error()) == Code::corrupt);
  const auto fresh = make_access_key(store, inbox);
  REQUIRE(fresh);
  CHECK(*fresh != key);
  CHECK(*access_key(store, inbox) == *fresh);
}

TEST_CASE("keys are gone only when the disk has said so") {
  Sandbox box;
  auto& store = box.store();
  const auto inbox = *MailboxName::make("bob", "INBOX"), drafts = *MailboxName::make("bob", "Drafts");
  REQUIRE(store.create(inbox));
  REQUIRE(store.create(drafts));
  REQUIRE(make_access_key(store, inbox));
  REQUIRE(make_access_key(store, drafts));
  arm_failpoints("durable.syncdir=eio");
  for (int attempt = 0; attempt < 3; ++attempt) {
    INFO(attempt);
    CHECK_FALSE(remove_access_keys(store, "bob"));  // the names may be gone by now: not that the disk knows
  }
  arm_failpoints("");
  CHECK(remove_access_keys(store, "bob"));
  CHECK(access_key(store, inbox)->empty());
  CHECK(access_key(store, drafts)->empty());
}

TEST_CASE("a key that could not be made durable signs nothing") {
  Sandbox box;
  auto& store = box.store();
  const auto inbox = *MailboxName::make("bob", "INBOX");
  REQUIRE(store.create(inbox));
  arm_failpoints("durable.syncdir=eio");
  for (int attempt = 0; attempt < 3; ++attempt) {
    INFO(attempt);
    CHECK_FALSE(make_access_key(store, inbox));
    CHECK(access_key(store, inbox)->empty());
  }
  arm_failpoints("");
  CHECK(make_access_key(store, inbox));
}

TEST_CASE("a disk that does not tell whether there is a key has none to make") {
  Sandbox box;
  auto& store = box.store();
  const auto inbox = *MailboxName::make("bob", "INBOX");
  const auto entry = store.create(inbox);
  REQUIRE(entry);
  const auto key = *make_access_key(store, inbox);
  long refused = 0;
  for (bool failed = true; failed; ++refused) {
    const BadDisk disk(key_path(entry->directory), refused + 1, EIO);
    const auto made = make_access_key(store, inbox);
    failed = BadDisk::failed();
    INFO(BadDisk::site());
    CHECK(made.has_value() != failed);
  }
  CHECK(refused > 1);
  CHECK(*access_key(store, inbox) == key);
}
