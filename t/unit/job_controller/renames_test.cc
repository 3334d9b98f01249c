#include "job_controller/renames.h"

#include <future>

#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::test;
using job_controller::Renames;
using mta::queue::FileName;

TEST_CASE("the loop goes on while files are renamed") {
  ScratchQueue scratch;
  EventLoop loop;
  WorkerPool workers(1);
  std::promise<void> disk_answers;
  workers.submit([answers = disk_answers.get_future().share()] { answers.wait(); });

  std::vector<FileName> names = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})});
  names.push_back(enqueue(scratch, {make_envelope("tcp_local", {"b@x"})})[0]);
  names.push_back(*FileName::parse("tcp_local/000/ZZgone.00"));
  std::vector<FileName> renamed;
  Renames renames(loop, workers, scratch.queue, [&](const FileName& name) {
    renamed.push_back(name);
    if (renamed.size() == names.size()) loop.stop();
  });
  bool went_on = false;
  loop.post([&] {
    for (const auto& name : names) renames.add(name, 2);
    loop.post([&] {
      went_on = renamed.empty();
      disk_answers.set_value();
    });
  });
  loop.run();
  CHECK(went_on);
  REQUIRE(renamed.size() == 3);
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK(renamed[i].key() == names[i].key());
    CHECK(renamed[i].attempts == (i < 2 ? 2 : 0));  // the last one could not be
    CHECK(file_exists(scratch.queue->path_of(renamed[i])) == (i < 2));
    CHECK_FALSE(file_exists(scratch.queue->path_of(names[i])));
  }
}
