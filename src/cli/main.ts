process.stdout.write('mille\n')
