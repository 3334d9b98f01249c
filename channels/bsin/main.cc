// bsin(8): takes batches of SMTP commands apart and submits what is in them.
#include "channels/bsin/bsin.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  return channels::run_master(argc, argv, {.program = "bsin", .concurrency = 20}, &channels::Bsin::create);
}
