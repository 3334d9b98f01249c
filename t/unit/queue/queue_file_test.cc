#include <sys/socket.h>
#include <sys/stat.h>
#include <filesystem>
#include <future>

#include "common/base/failpoint.h"
#include "common/base/record.h"
#include "common/net/seqpacket.h"
#include "mta/queue/schedule_entry.h"
#include "t/unit/bad_disk.h"
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::mta::queue;
using namespace waxwing::test;

TEST_CASE("what is published is read back whole") {
  ScratchQueue scratch;
  auto envelope = make_envelope("tcp_local", {"a@example.test", "b@example.test"});
  envelope.envelope_id = "ENV+1";
  envelope.ret = "HDRS";
  envelope.auth_user = "user1";
  envelope.priority = Priority::urgent;
  envelope.smtputf8 = true;
  envelope.recipients[1].notify = "SUCCESS,FAILURE";
  envelope.recipients[1].final_data = "x\ty";
  const auto names = enqueue(scratch, {envelope});
  REQUIRE(names.size() == 1);
  const auto reader = Reader::open(*scratch.queue, names[0]);
  REQUIRE(reader);
  const auto& read = reader->envelope();
  CHECK(read.queue_id == names[0].id);
  CHECK(read.channel == "tcp_local");
  CHECK(read.sender == "sender@example.test");
  CHECK(read.envelope_id == "ENV+1");
  CHECK(read.ret == "HDRS");
  CHECK(read.auth_user == "user1");
  CHECK(read.priority == Priority::urgent);
  CHECK(read.smtputf8);
  CHECK(read.arrival_ms > 0);
  CHECK_FALSE(read.email_id.empty());
  REQUIRE(read.recipients.size() == 2);
  CHECK(read.recipients[0].original == "rfc822;a@example.test");
  CHECK(read.recipients[0].wants("FAILURE"));
  CHECK_FALSE(read.recipients[0].wants("SUCCESS"));
  CHECK(read.recipients[1].wants("SUCCESS"));
  CHECK_FALSE(read.recipients[1].wants("DELAY"));
  CHECK(read.recipients[1].final_data == "x\ty");
  CHECK(reader->read_message(0, 10000).value() == kMessage);
  CHECK(reader->read_header().value() == kMessage.substr(0, kMessage.find("The body")));
  CHECK(reader->verify_message());
  CHECK(scratch.temporary_files() == 0);
}

TEST_CASE("what is no file is neither waited for nor followed") {
  ScratchQueue scratch;
  const auto names = enqueue(scratch, {make_envelope("tcp_local", {"a@example.test"})});
  const auto path = scratch.queue->path_of(names[0]);
  const auto refused = [&] {
    const auto reader = Reader::open(*scratch.queue, names[0]);
    return !reader && reader.error().fault == Fault::permanent;
  };
  std::filesystem::rename(path, path + ".elsewhere");
  std::filesystem::create_symlink(path + ".elsewhere", path);
  CHECK(refused());
  std::filesystem::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(refused());
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  CHECK(refused());
  REQUIRE(::mkfifo((scratch.queue->directory() + "/stray").c_str(), 0600) == 0);
  CHECK(*scratch.queue->channels() == std::vector<std::string>{"tcp_local"});
}

TEST_CASE("one message for several channels: a file each, the same bytes and ids") {
  ScratchQueue scratch;
  const auto names = enqueue(scratch, {make_envelope("ims-ms", {"a@x"}), make_envelope("tcp_local", {"b@y"}),
                                       make_envelope("ims-ms", {"c@x"})});
  REQUIRE(names.size() == 3);
  CHECK(names[0].copy == "00");
  CHECK(names[2].copy == "02");
  for (const auto& name : names) {
    const auto reader = Reader::open(*scratch.queue, name);
    REQUIRE(reader);
    CHECK(reader->read_message(0, 10000).value() == kMessage);
    CHECK(reader->verify_message());
    CHECK(reader->envelope().queue_id == names[0].id);
  }
}

TEST_CASE("files added ahead become visible with the last ones, or not at all") {
  ScratchQueue scratch;
  std::vector<FileName> files;
  const auto fill = [&](Writer& writer) {
    REQUIRE(writer.write("Subject: x\r\n\r\nbody\r\n"));
    files.clear();
    for (const auto* address : {"a@x", "b@x"})
      files.push_back(writer.add(make_envelope("ims-ms", {address})).value());
  };
  {
    auto dropped = Writer::create(scratch.queue);
    REQUIRE(dropped);
    fill(*dropped);
  }
  CHECK(scratch.temporary_files() == 0);
  auto writer = Writer::create(scratch.queue);
  REQUIRE(writer);
  fill(*writer);
  const auto last = publish(*writer, {make_envelope("tcp_local", {"c@x"})});
  REQUIRE(last);
  REQUIRE(last->size() == 1);
  files.push_back(last->front());
  CHECK(files[1].copy == "01");
  for (const auto& name : files) {
    const auto reader = Reader::open(*scratch.queue, name);
    REQUIRE(reader);
    CHECK(reader->envelope().recipients.size() == 1);
    CHECK(reader->envelope().email_id == Reader::open(*scratch.queue, files[0])->envelope().email_id);
  }
}

namespace {
// Publishes with one worker that is held until the loop has gone round: how many files there were by then.
std::size_t files_before_the_worker_came(const ScratchQueue& scratch, Writer& writer,
                                         std::vector<Envelope> envelopes, Published& published) {
  EventLoop loop;
  WorkerPool workers(1);
  std::promise<void> hold;
  std::size_t files = 0;
  workers.submit([&] { hold.get_future().wait(); });
  std::vector<Writer::Content> contents;
  contents.push_back({&writer, std::move(envelopes)});
  auto publishing = [](EventLoop& on, WorkerPool& pool, std::vector<Writer::Content> what,
                       Published& answer) -> Task<void> {
    auto task = Writer::publish_all(std::move(what), &pool);
    answer = co_await std::move(task);
    on.stop();
  };
  loop.post([&] {
    spawn(publishing(loop, workers, std::move(contents), published));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.root + "/queue"))
      files += entry.is_regular_file() ? 1 : 0;
    hold.set_value();
  });
  loop.run();
  return files;
}
}  // namespace

TEST_CASE("large copies are made on a worker, small ones at once") {
  const ScratchQueue scratch;
  const std::size_t kib = GENERATE(1, 700, 1500);
  const auto line = std::string(1022, 'x') + "\r\n";
  auto writer = Writer::create(scratch.queue);
  REQUIRE(writer);
  REQUIRE(writer->write(kMessage));
  for (std::size_t i = 0; i < kib; ++i) REQUIRE(writer->write(line));
  Published published;
  std::vector<Envelope> envelopes;
  for (const auto* address : {"a@x", "b@x", "c@x"}) envelopes.push_back(make_envelope("ims-ms", {address}));
  const auto files = files_before_the_worker_came(scratch, *writer, std::move(envelopes), published);
  CHECK((files == 1) == (kib >= 700));
  REQUIRE(published);
  REQUIRE(published->size() == 3);
  for (const auto& name : *published) {
    const auto reader = Reader::open(*scratch.queue, name);
    REQUIRE(reader);
    CHECK(reader->verify_message());
    CHECK(reader->message_size() == kMessage.size() + kib * line.size());
  }
}

TEST_CASE("a writer that is dropped leaves nothing") {
  ScratchQueue scratch;
  {
    auto writer = Writer::create(scratch.queue);
    REQUIRE(writer);
    REQUIRE(writer->write(kMessage));
  }
  CHECK(scratch.temporary_files() == 0);
  CHECK(scratch.queue->channels()->empty());
}

TEST_CASE("envelopes that cannot be delivered are refused before anything is visible") {
  ScratchQueue scratch;
  auto no_host = make_envelope("tcp_local", {"a@x"}, "");
  auto bad_channel = make_envelope("../up", {"a@x"});
  for (const auto& envelope : {make_envelope("tcp_local", {}), no_host, bad_channel}) {
    auto writer = Writer::create(scratch.queue);
    REQUIRE(writer->write(kMessage));
    const auto names = publish(*writer, {make_envelope("ims-ms", {"ok@x"}), envelope});
    REQUIRE_FALSE(names);
    CHECK(names.error().fault == Fault::bug);
  }
  CHECK(scratch.temporary_files() == 0);
}

TEST_CASE("a disk that fails at any step leaves no queue file and no litter") {
  for (const char* point :
       {"queue.create", "spool.write", "durable.sync", "durable.publish", "durable.syncdir"}) {
    for (int at = 1; at <= 3; ++at) {
      ScratchQueue scratch;
      arm_failpoints(std::string(point) + "=enospc@" + std::to_string(at));
      bool published = false;
      {
        auto writer = Writer::create(scratch.queue);
        if (writer && writer->write(kMessage))
          published =
              publish(*writer, {make_envelope("ims-ms", {"a@x"}), make_envelope("tcp_local", {"b@y"})})
                  .has_value();
      }
      arm_failpoints("");
      std::size_t files = 0;
      const auto channels = *scratch.queue->channels();
      for (const auto& channel : channels)
        REQUIRE(scratch.queue->scan(channel, [&](const FileName&) { return ++files > 0; }));
      INFO(point << " at " << at);
      CHECK(files == (published ? 2 : 0));
      CHECK(scratch.temporary_files() == 0);
    }
  }
}

TEST_CASE("a directory is synced with every message until it is durable") {
  ScratchQueue scratch;
  const auto is_synced = [&](const FileName& name) {
    durable::Batch batch;
    REQUIRE(scratch.queue->ensure_bucket(name.channel, name.bucket, batch));
    return !batch.empty();
  };
  const auto name = *FileName::parse("tcp_local/000/ZZa.00");
  CHECK(is_synced(name));
  CHECK(is_synced(name));  // its batch is not committed
  arm_failpoints("durable.syncdir=enospc");
  auto writer = Writer::create(scratch.queue);
  REQUIRE(writer->write(kMessage));
  CHECK_FALSE(publish(*writer, {make_envelope("ims-ms", {"a@x"})}));
  arm_failpoints("");
  const auto buckets = scratch.queue->buckets("ims-ms");
  REQUIRE(buckets);
  REQUIRE(buckets->size() == 1);
  CHECK(is_synced({.channel = "ims-ms", .bucket = buckets->front(), .id = {}, .copy = {}}));
  const auto kept = enqueue(scratch, {make_envelope("ims-ms", {"a@x"})})[0];
  CHECK_FALSE(is_synced(kept));
  CHECK(is_synced({.channel = "ims-ms", .bucket = "100", .id = {}, .copy = {}}));
}

TEST_CASE("when the name cannot follow the attempts the file keeps the one it has") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})})[0];
  arm_failpoints("queue.rename=eio");
  CHECK_FALSE(scratch.queue->rename_attempts(name, 1));
  arm_failpoints("");
  CHECK(Reader::open(*scratch.queue, name));
  const auto renamed = scratch.queue->rename_attempts(name, 1);
  REQUIRE(renamed);
  CHECK(renamed->attempts == 1);
  CHECK(Reader::open(*scratch.queue, *renamed));
  CHECK_FALSE(Reader::open(*scratch.queue, name));
}

TEST_CASE("every cut of a queue file is refused with a permanent error, never a crash") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("ims-ms", {"a@x", "b@y"})})[0];
  const auto path = scratch.queue->path_of(name);
  const auto whole = read_file(path).value();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    REQUIRE(replace_file(path, std::string_view(whole).substr(0, size)));
    const auto reader = Reader::open(*scratch.queue, name);
    REQUIRE_FALSE(reader);
    CHECK(reader.error().fault == Fault::permanent);
    CHECK_FALSE(is_gone(reader.error()));
    CHECK(reader.error().text.find(path) != std::string::npos);
  }
  scratch.queue->set_aside(name, "test");
  CHECK_FALSE(file_exists(path));
  CHECK(list_directory(scratch.root + "/queue/.damaged").value().size() == 1);
  CHECK(is_gone(Reader::open(*scratch.queue, name).error()));
}

TEST_CASE(
    "names change with attempts, hold and release; held messages of the hold channel are resolved again") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})})[0];
  const auto tried = scratch.queue->rename_attempts(name, 1);
  REQUIRE(tried);
  CHECK(tried->relative().find("/ZY") != std::string::npos);
  const auto commit = [&](auto change) {
    durable::Batch batch;
    const FileName to = change(batch);
    const auto done = durable::commit(std::move(batch));
    REQUIRE(done);
    CHECK(file_exists(scratch.queue->path_of(to)));
    return to;
  };
  const auto hold = [&](const FileName& from) {
    return commit([&](auto& batch) { return scratch.queue->hold(from, batch); });
  };
  const auto release = [&](const FileName& from) {
    return commit([&](auto& batch) { return scratch.queue->release(from, batch).value(); });
  };
  const auto held = hold(*tried);
  CHECK(held.relative().ends_with(".00.HELD"));
  CHECK(held.key() == name.key());
  CHECK(release(held).relative() == tried->relative());
  const auto kept = enqueue(scratch, {make_envelope("hold", {"h@x"})})[0];
  const std::optional<FileName> resubmitted = release(hold(kept));
  CHECK(resubmitted->channel == "reprocess");
  CHECK(Reader::open(*scratch.queue, *resubmitted)->envelope().channel == "reprocess");
}

TEST_CASE("an envelope that asks for it is published held") {
  ScratchQueue scratch;
  auto envelope = make_envelope("tcp_local", {"a@x"});
  envelope.held_reason = "too many Received lines";
  const auto name = enqueue(scratch, {envelope})[0];
  CHECK(name.held);
  CHECK(Reader::open(*scratch.queue, name)->envelope().held_reason == "too many Received lines");
}

TEST_CASE("schedule lines carry what is left to do and survive hostile text") {
  auto envelope = make_envelope("tcp_local", {"a@x", "b@x"}, "x.test");
  envelope.arrival_ms = 1000;
  envelope.recipients.push_back(make_recipient("c@y", "y.test"));
  envelope.recipients.push_back(make_recipient("d@z", "z.test"));
  envelope.recipients[3].progress.status = Status::failed;
  envelope.recipients[1].progress.attempts = 4;
  envelope.recipients[1].progress.last_attempt_ms = 77;
  const auto name = *FileName::parse("tcp_local/001/ZZ1234.00");
  const auto line = schedule_line(name, envelope, 4096);
  const auto entry = decode_schedule_entry(line);
  REQUIRE(entry);
  CHECK(encode(*entry) == line);
  CHECK(entry->size_bytes == 4096);
  REQUIRE(entry->hosts.size() == 2);
  CHECK(entry->hosts[0].recipients == 2);
  CHECK(entry->hosts[0].attempts == 4);
  CHECK(entry->hosts[0].last_attempt_ms == 77);
  for (std::size_t cut = 0; cut < line.size(); ++cut) (void)decode_schedule_entry(line.substr(0, cut));
  CHECK_FALSE(decode_schedule_entry("tcp_local/001/ZZ1234.00 1 9 1 1"));
  CHECK_FALSE(decode_schedule_entry("tcp_local/001/ZZ1234.00 1 1 1 1 host 1 1 x 1"));
}

TEST_CASE("a scan finds every file of a large tree and names what is strange") {
  ScratchQueue scratch;
  const auto bucket = scratch.root + "/queue/tcp_local/007";
  REQUIRE(make_directories(bucket));
  for (int i = 0; i < 100000; ++i)
    REQUIRE(open_file(bucket + "/ZZ" + std::to_string(1000000 + i) + ".00", O_WRONLY | O_CREAT));
  REQUIRE(open_file(bucket + "/README", O_WRONLY | O_CREAT));
  REQUIRE(scratch.queue->set_stopped("tcp_local", true));
  CHECK(scratch.queue->is_stopped("tcp_local"));
  std::size_t seen = 0;
  REQUIRE(scratch.queue->scan("tcp_local", [&](const FileName&) { return ++seen > 0; }));
  CHECK(seen == 100000);
  std::size_t first = 0;
  REQUIRE(scratch.queue->scan("tcp_local", [&](const FileName&) { return ++first < 10; }));
  CHECK(first == 10);
  REQUIRE(scratch.queue->set_stopped("tcp_local", false));
  CHECK_FALSE(scratch.queue->is_stopped("tcp_local"));
}

TEST_CASE("temporary files nobody writes to are removed, fresh ones stay") {
  ScratchQueue scratch;
  auto writer = Writer::create(scratch.queue);
  REQUIRE(writer);
  scratch.queue->clean_temporary(3600);
  CHECK(scratch.temporary_files() == 1);
  scratch.queue->clean_temporary(0);
  CHECK(scratch.temporary_files() == 0);
}

TEST_CASE("files being written are spread over directories, and old ones are found in all of them") {
  ScratchQueue scratch;
  std::set<std::string> folders;
  for (int i = 0; i < 10; ++i) {
    const auto temporary = scratch.queue->create_temporary("file" + std::to_string(i));
    REQUIRE(temporary);
    folders.insert(temporary->path.substr(0, temporary->path.rfind('/')));
  }
  CHECK(folders.size() == 10);
  REQUIRE(replace_file(scratch.root + "/queue/.tmp/of-an-older-version", "x"));
  CHECK(scratch.temporary_files() == 11);
  scratch.queue->clean_temporary(0);
  CHECK(scratch.temporary_files() == 0);
}

TEST_CASE("what was written is read back before it is published, and written on") {
  ScratchQueue scratch;
  auto writer = Writer::create(scratch.queue);
  REQUIRE(writer);
  std::string message;
  for (const std::size_t size : {10, 70'000, 65'536, 3, 40'000, 40'000}) {
    const std::string piece(size, static_cast<char>('a' + message.size() % 26));
    REQUIRE(writer->write(piece));
    message += piece;
    CHECK(writer->size_bytes() == message.size());
    CHECK(writer->read(0, message.size() + 1).value() == message);
    CHECK(writer->read(message.size() - 2, 10).value() == message.substr(message.size() - 2));
    CHECK(writer->read(message.size(), 10).value().empty());
  }
  const auto added = writer->add(make_envelope("tcp_local", {"a@example.test"}));
  REQUIRE(added);
  CHECK(writer->read(5, 100).value() == message.substr(5, 100));
  CHECK(writer->read(message.size(), 10).value().empty());
  const auto names = publish(*writer, {make_envelope("tcp_local", {"b@example.test"})});
  REQUIRE(names);
  REQUIRE(names->size() == 1);
  CHECK(Reader::open(*scratch.queue, names->at(0))->envelope().recipients[0].address == "b@example.test");
  const auto reader = Reader::open(*scratch.queue, *added);
  REQUIRE(reader);
  CHECK(reader->read_message(0, message.size() + 1).value() == message);
  CHECK(reader->verify_message());
}

TEST_CASE("what its sender asked of delivery goes with a message") {
  ScratchQueue scratch;
  auto envelope = make_envelope("tcp_local", {"a@example.test"});
  envelope.arrival_ms = 1000, envelope.deferred_until_ms = 5000;
  envelope.future_release = "for;4";
  envelope.deliver_by_ms = 9000, envelope.by_returns = true, envelope.by_trace = true;
  envelope.mt_priority = -9;
  envelope.submitter = "u@example.test", envelope.require_tls = true;
  const auto names = enqueue(scratch, {envelope, make_envelope("tcp_other", {"b@example.test"})});
  const auto read = Reader::open(*scratch.queue, names[0])->envelope();
  CHECK(read.future_release == "for;4");
  CHECK(read.deliver_by_ms == 9000);
  CHECK(read.by_returns);
  CHECK(read.by_trace);
  CHECK(read.mt_priority == -9);
  CHECK(read.submitter == "u@example.test");
  CHECK(read.require_tls);
  CHECK(read.clock().begun_ms == 5000);
  CHECK(read.clock().over(9000));
  CHECK_FALSE(read.clock().over(8999));
  // Without them, as files were written before.
  const auto plain = Reader::open(*scratch.queue, names[1])->envelope();
  CHECK_FALSE(plain.mt_priority);
  CHECK_FALSE(plain.clock().over(INT64_MAX));
  CHECK(plain.clock().begun_ms == plain.arrival_ms);
  const auto line = schedule_line(names[0], read, 10);
  const auto entry = decode_schedule_entry(line);
  REQUIRE(entry);
  CHECK(encode(*entry) == line);
  CHECK(entry->by_ms == 9000);
  CHECK(entry->by_returns);
  for (const char* bad : {"1R", "1X5", "3", "", "R5", "1R5x"}) {
    auto broken = line;
    broken.replace(broken.find("1R9000"), 6, bad);
    INFO(broken);
    CHECK_FALSE(decode_schedule_entry(broken));
  }
}

TEST_CASE("nineteen priorities are three") {
  for (const int urgent : {4, 9}) CHECK(priority_of(urgent) == Priority::urgent);
  for (const int normal : {3, 0, -3}) CHECK(priority_of(normal) == Priority::normal);
  for (const int low : {-4, -9}) CHECK(priority_of(low) == Priority::nonurgent);
}

TEST_CASE("a directory that the disk does not let us read on is none that ends there") {
  ScratchQueue scratch;
  auto writer = Writer::create(scratch.queue);
  REQUIRE(writer);
  REQUIRE(writer->write(kMessage));
  REQUIRE(publish(*writer, {make_envelope("ims-ms", {"a@x"})}));
  const auto seen = [&] { return scratch.queue->scan("ims-ms", [](const FileName&) { return true; }); };
  REQUIRE(seen());
  bool failed = true;
  for (long n = 1; failed; ++n) {
    const BadDisk disk(scratch.queue->directory() + "/ims-ms/", n, EIO);
    const auto scanned = seen();
    failed = BadDisk::failed();
    CHECK(scanned.has_value() == !failed);
  }
}

TEST_CASE("what is too much for one notice is told by name, for the job controller to look at") {
  ScratchQueue scratch;
  const auto listener = listen_unix(scratch.root + "/run/job_controller");
  REQUIRE(listener);
  auto many = make_envelope("tcp_local", {});
  for (int n = 0; n < 3000; ++n)
    many.recipients.push_back(
        make_recipient("a@x", "host" + std::to_string(n) + ".with-a-long-name.example.test"));
  const auto names = enqueue(scratch, {many, make_envelope("tcp_local", {"b@x"})});
  REQUIRE(names.size() == 2);
  const UniqueFd taken(::accept(listener->get(), nullptr, nullptr));
  REQUIRE(taken);
  std::string bytes(Record::kMaxBytes, '\0');
  const auto got = ::recv(taken.get(), bytes.data(), bytes.size(), 0);
  REQUIRE(got > 0);
  const auto notice = Record::decode(std::string_view(bytes).substr(0, static_cast<std::size_t>(got)));
  REQUIRE(notice);
  CHECK(notice->is("enqueued"));
  CHECK(notice->get("look") == names[0].relative());
  const auto entry = decode_schedule_entry(notice->get("file"));
  REQUIRE(entry);
  CHECK(entry->name.relative() == names[1].relative());
}
