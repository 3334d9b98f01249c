// hold(8): keeps messages for users whose mail is on hold, until an operator releases them. Submission writes
// such files as held ones already; this program is for those that came into the channel in another way.
#include "channels/master/master.h"

namespace {

using namespace waxwing;

class Hold : public channels::Channel {
 public:
  Task<void> deliver(channels::Work& work) override {
    work.hold("in the hold channel: release resolves the addresses again");
    co_return;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return channels::run_master(argc, argv, {.program = "hold", .concurrency = 50},
                              [](channels::MasterContext&) -> Result<std::unique_ptr<channels::Channel>> {
                                return std::make_unique<Hold>();
                              });
}
