// A queue tree in a scratch directory, and messages for it.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <catch2/catch.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/net/loop.h"
#include "common/net/task.h"
#include "mta/queue/reader.h"
#include "mta/queue/writer.h"

namespace waxwing::test {

struct ScratchQueue {
  std::string root;
  std::shared_ptr<mta::queue::Queue> queue;

  ScratchQueue() {
    char name[] = "/tmp/waxwing-queue-XXXXXX";
    root = ::mkdtemp(name);
    queue = std::make_shared<mta::queue::Queue>(root + "/queue", root + "/run/job_controller");
    REQUIRE(make_directories(root + "/queue"));
    REQUIRE(make_directories(root + "/run"));
  }
  std::size_t temporary_files() const {
    const auto top = root + "/queue/.tmp";
    std::size_t count = 0;
    if (!file_exists(top)) return 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
  ~ScratchQueue() { (void)remove_tree(root); }
};

inline mta::queue::Recipient make_recipient(const std::string& address, const std::string& host) {
  mta::queue::Recipient recipient;
  recipient.address = address;
  recipient.original = "rfc822;" + address;
  recipient.host = host;
  return recipient;
}

inline mta::queue::Envelope make_envelope(const std::string& channel, std::vector<std::string> addresses,
                                          const std::string& host = "example.test") {
  mta::queue::Envelope envelope;
  envelope.channel = channel;
  envelope.sender = "sender@example.test";
  envelope.source_channel = "tcp_submit";
  for (const auto& address : addresses) envelope.recipients.push_back(make_recipient(address, host));
  return envelope;
}

inline const std::string kMessage = "From: sender@example.test\r\nSubject: hello\r\n\r\nThe body.\r\n";

using Published = Result<std::vector<mta::queue::FileName>>;

inline Task<void> publish_and_stop(EventLoop& loop, mta::queue::Writer& writer,
                                   std::vector<mta::queue::Envelope> envelopes, Published& published) {
  published = co_await writer.publish(std::move(envelopes));
  loop.stop();
}

inline Published publish(mta::queue::Writer& writer, std::vector<mta::queue::Envelope> envelopes) {
  EventLoop loop;
  Published published;
  loop.post([&] { spawn(publish_and_stop(loop, writer, std::move(envelopes), published)); });
  loop.run();
  return published;
}

inline std::vector<mta::queue::FileName> enqueue(ScratchQueue& scratch,
                                                 std::vector<mta::queue::Envelope> envelopes,
                                                 const std::string& message = kMessage) {
  auto writer = mta::queue::Writer::create(scratch.queue);
  REQUIRE(writer);
  REQUIRE(writer->write(message));
  const auto names = publish(*writer, std::move(envelopes));
  REQUIRE(names);
  return *names;
}

}  // namespace waxwing::test
