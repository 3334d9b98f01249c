// bitbucket(8): throws messages away, and counts that as delivered.
#include "channels/master/master.h"

namespace {

using namespace waxwing;

class Bitbucket : public channels::Channel {
 public:
  Task<void> deliver(channels::Work& work) override {
    work.set_final(true);
    for (const auto i : work.pending()) work.delivered(i, "2.0.0 thrown away as configured");
    co_return;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return channels::run_master(argc, argv, {.program = "bitbucket", .concurrency = 50},
                              [](channels::MasterContext&) -> Result<std::unique_ptr<channels::Channel>> {
                                return std::make_unique<Bitbucket>();
                              });
}
